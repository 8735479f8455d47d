"""`percept cube`: what the store knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from percept.cli.outcome import say, tell_damage
from percept.cli.output import json_option, print_json, print_table, store_option


@click.group()
def cube() -> None:
    """Query, export and report results."""


@cube.command("ls")
@store_option
@json_option
def list_runs(store: str, as_json: bool) -> None:
    """List the runs with their factors and status."""
    from percept_store import open_cube

    frame = open_cube(store).percept.runs()
    rows = frame.to_dict("records")
    if as_json:
        print_json(rows)
    else:
        shown = [{**row, "run": row["run"][:12], "created": row["created"][:19]} for row in rows]
        print_table(shown, _columns(rows))


@cube.command()
@click.argument("where", nargs=-1, metavar="[FACTOR=VALUE]...")
@click.option("--with", "assessors", default="", help="Assessors, separated by commas; default: all.")
@click.option("--by", default="", help="Factors to average over the others by, separated by commas.")
@store_option
@json_option
def query(where: tuple[str, ...], assessors: str, by: str, store: str, as_json: bool) -> None:
    """Print mean scores of the runs that fit: percept cube query discriminator=none --by perceptual."""
    from percept_store import open_cube
    from percept_store import query as ask

    frame = ask(open_cube(store), where=list(where), assessors=_split(assessors), by=_split(by))
    rows: list[dict[Any, Any]] = frame.to_dict("records")
    print_json(rows) if as_json else print_table(rows)


@cube.command()
@click.argument("path", type=click.Path(path_type=Path))
@store_option
def export(path: Path, store: str) -> None:
    """Write all scores to PATH: .csv, .json, .parquet or .nc, by its suffix."""
    from percept_store import export as write
    from percept_store import open_cube

    write(open_cube(store), path)
    say(f"wrote {path}")


@cube.command()
@click.option("--out", default="report.html", show_default=True, type=click.Path(path_type=Path))
@store_option
def report(out: Path, store: str) -> None:
    """Write one self-contained HTML page: scores, learning curves, trade-off, side-by-side crops."""
    from percept_store import Store
    from percept_store.report import write_report

    click.echo(write_report(Store(store), out))


@cube.command()
@store_option
@click.option("--rebuild", is_flag=True, help="Build all of it anew.")
def refresh(store: str, rebuild: bool) -> None:
    """Bring the cube up to date with the ledger; recipe run does it by itself."""
    from percept_store import Store

    opened = Store(store)
    click.echo(opened.refresh(rebuild))
    tell_damage(opened)


@cube.command()
@store_option
def compact(store: str) -> None:
    """Pack small records into larger files."""
    from percept_store import Store

    Store(store).ledger.compact()
    say(f"{store}: ledger compacted")


def _columns(rows: list[dict[Any, Any]]) -> list[str]:
    """All but the reasons where nothing failed."""
    failed = any(row["reason"] for row in rows)
    return [key for key in (rows[0] if rows else {}) if key != "reason" or failed]


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
