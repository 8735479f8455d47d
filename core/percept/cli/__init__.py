"""The command line: parse, call, print. Commands are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

import click

from percept.cli.lazy import LazyGroup
from percept.cli.outcome import guarded

COMMANDS = {
    "recipe": ("percept.cli.recipe:recipe", "Check, plan and run recipes."),
    "plugins": ("percept.cli.plugins:plugins", "List, describe, test and start plugins."),
    "assess": ("percept.cli.assess:assess", "Score image files."),
    "cube": ("percept.cli.cube:cube", "Query, export and report results."),
    "study": ("percept.cli.study:study", "Ask about both lives of metrics."),
    "completion": ("percept.cli.completion:completion", "Print the script that completes commands in a shell."),
}


@click.group(cls=LazyGroup, commands_from=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="percept-core", prog_name="percept")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Measure both lives of an image metric: as an assessor and as an objective.

    Start with: percept recipe run quickstart, then: percept cube report.
    """
    context.obj = {"debug": debug}


def main() -> None:
    """Run the command line, and leave with 0, 1 (the work failed), 2 (the input was wrong) or 130 (interrupted)."""
    guarded(cli)
