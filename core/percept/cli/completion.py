"""`percept completion`: the script for a shell."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script; for bash: eval "$(percept completion bash)"."""
    from click.shell_completion import get_completion_class

    from percept.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "percept", "_PERCEPT_COMPLETE").source())
