"""`percept study`: questions about both lives of a metric, answered from a store."""

from __future__ import annotations

import click

from percept.cli.output import json_option, print_json, print_table, split_names, store_option


@click.group()
def study() -> None:
    """Ask a question about both lives of metrics; the report draws the answers."""


@study.command()
@click.option(
    "--judges", default="", help="Assessors that judge what was optimised, separated by commas; default: all."
)
@click.option("--resamples", default=1000, show_default=True, type=click.IntRange(2), help="Draws of the bootstrap.")
@store_option
@json_option
def asymmetry(judges: str, resamples: int, store: str, as_json: bool) -> None:
    """Does a good assessor make a good objective?

    Needs, in one store: percept recipe run recover, and ladders.
    """
    from percept_store import open_cube
    from percept_store.studies.asymmetry import asymmetry as ask

    answer = ask(open_cube(store), split_names(judges), resamples)
    if as_json:
        print_json(answer.as_dict())
        return
    print_table(answer.rows())
    click.echo()
    print_table([vars(correlation) for correlation in answer.correlations])
    click.echo("\nspearman: rank correlation over metrics, objective against this life; its 95 % interval over images")
