"""`percept cube`: what the store knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from percept.cli.outcome import say, tell_damage
from percept.cli.output import json_option, print_json, print_table, split_names, store_option

_SHOWN = {"run": 12, "created": 19}  # characters
_MEASURED = frozenset({"score", "mean", "std", "seconds"})  # columns that are no factors


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
    _print(frame.to_dict("records"), as_json)


@cube.command()
@click.argument("where", nargs=-1, metavar="[FACTOR=VALUE]...")
@click.option("--with", "assessors", default="", help="Assessors, separated by commas; default: all.")
@click.option("--by", default="", help="Factors to average over the others by, separated by commas.")
@store_option
@json_option
def query(where: tuple[str, ...], assessors: str, by: str, store: str, as_json: bool) -> int:
    """Print the scores of the runs that fit, with --by their means.

    percept cube query discriminator=none --with psnr --by generator
    """
    from percept_store import open_cube
    from percept_store import query as ask

    frame = ask(open_cube(store), where=list(where), assessors=split_names(assessors), by=split_names(by))
    _print(frame.to_dict("records"), as_json)
    if frame.empty:
        say("percept: no scores fit; percept cube ls lists the runs")
    return 1 if frame.empty else 0


@cube.command()
@click.argument("path", type=click.Path(path_type=Path))
@store_option
def export(path: Path, store: str) -> None:
    """Write all scores to PATH.

    Its suffix says how: .csv, .json, .parquet or .nc.
    """
    from percept_store import export as write
    from percept_store import open_cube

    write(open_cube(store), path)
    say(f"wrote {path}")


@cube.command()
@click.option("--out", default="report.html", show_default=True, type=click.Path(path_type=Path))
@store_option
def report(out: Path, store: str) -> None:
    """Write one self-contained HTML page.

    It has scores, learning curves, the trade-off, and side-by-side crops.
    """
    from percept_store import Store
    from percept_store.report import write_report

    click.echo(write_report(Store(store), out))


@cube.command()
@store_option
@click.option("--rebuild", is_flag=True, help="Build all of it anew.")
def refresh(store: str, rebuild: bool) -> None:
    """Bring the cube up to date with the ledger.

    recipe run does it by itself.
    """
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


def _print(rows: list[dict[Any, Any]], as_json: bool) -> None:
    """All of it as JSON; for people the beginnings of keys and times, and no column in which nothing stands."""
    if as_json:
        print_json(rows)
        return
    shown = [{name: _brief(name, value) for name, value in row.items()} for row in rows]
    print_table(shown, [name for name in (rows[0] if rows else {}) if any(not _absent(row[name]) for row in rows)])


def _brief(name: str, value: Any) -> Any:
    if name in _SHOWN:
        return value[: _SHOWN[name]]
    if name not in _MEASURED and isinstance(value, float) and value.is_integer():
        return int(value)  # a factor with gaps, or with fractions elsewhere, is kept as floats
    return value


def _absent(value: Any) -> bool:
    return value is None or value == "" or value != value  # only NaN is not what it is
