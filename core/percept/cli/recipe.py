"""`percept recipe`: check, plan, show and run recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from percept.cli.complete import recipes
from percept.cli.outcome import say, tell_damage
from percept.cli.output import json_option, print_json, print_table, store_option

if TYPE_CHECKING:
    from percept.execution import Outcome
    from percept.execution.plan import PlannedCell

# Lines for one cell's missing scores before they are only counted.
SHOWN = 10

recipe_argument = click.argument("recipe", shell_complete=recipes)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value: --set optimize.steps=50."
)
jobs_option = click.option(
    "--jobs",
    "-j",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    help="Cells at a time, on GPUs of their own; 0: one by one in this process, for debuggers.",
)


@click.group()
def recipe() -> None:
    """Check, plan and run recipes."""


@recipe.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the recipes that installed packages ship."""
    from percept.recipe import shipped, summary_of

    rows = [{"recipe": n, "summary": summary_of(path), "file": str(path)} for n, path in shipped().items()]
    print_json(rows) if as_json else print_table(rows, ("recipe", "summary"))


@recipe.command()
@recipe_argument
@set_option
@store_option
@jobs_option
@click.option("--retry-failed", is_flag=True, help="Try again what diverged before, and scores that failed.")
@json_option
def run(recipe: str, overrides: tuple[str, ...], store: str, jobs: int, retry_failed: bool, as_json: bool) -> int:
    """Do what RECIPE asks for and the store does not hold yet."""
    from percept.execution import run_recipe

    outcomes = run_recipe(recipe, store, jobs, overrides, retry_failed)
    if as_json:
        print_json([_outcome(o) for o in outcomes])
    _summary(outcomes, store)
    return 0 if all(o.status in ("ok", "done") and not o.problems for o in outcomes) else 1


@recipe.command()
@recipe_argument
@set_option
@json_option
def check(recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Report every mistake of RECIPE, with line and column."""
    from percept.execution.check import load_checked

    loaded = load_checked(recipe, overrides)
    if as_json:
        print_json({"recipe": loaded.name, "cells": len(loaded.cells), "problems": []})
    else:
        say(f"{loaded.path}: no mistakes, {_count(len(loaded.cells), 'cell')}")


@recipe.command()
@recipe_argument
@set_option
@store_option
@jobs_option
@click.option("--timing/--no-timing", default=True, show_default=True, help="Time a few steps of each configuration.")
@json_option
def plan(recipe: str, overrides: tuple[str, ...], store: str, jobs: int, timing: bool, as_json: bool) -> None:
    """Print the cells of RECIPE and what is left to do.

    Also how long that will take.
    """
    from percept_store import Store

    from percept.execution.check import load_checked
    from percept.execution.estimate import estimate
    from percept.execution.plan import Planner

    opened = Store(store)
    cells = Planner(opened).plan(load_checked(recipe, overrides))
    tell_damage(opened)
    seconds = estimate(cells, opened, jobs) if timing else {}
    rows = [_planned(cell, seconds.get(cell.key)) for cell in cells]
    total = sum(s for s in seconds.values() if isinstance(s, float)) / max(1, jobs)
    print_json(rows) if as_json else print_table(rows)
    left = sum(cell.state in ("new", "resume", "assess") for cell in cells)
    about = f", about {total:.0f} s of training" if total else ""
    say(f"{_count(len(cells), 'cell')}, {left} to do{about}")


@recipe.command()
@recipe_argument
@set_option
@click.option("--cell", type=int, help="Only the cell of this number, from 0.")
@json_option
def show(recipe: str, overrides: tuple[str, ...], cell: int | None, as_json: bool) -> None:
    """Print the resolved cells of RECIPE: everything filled in."""
    from percept.execution.check import load_checked
    from percept.recipe import show as as_yaml

    cells = load_checked(recipe, overrides).cells
    if cell is not None:
        if not 0 <= cell < len(cells):
            raise click.UsageError(f"--cell {cell}: the recipe has cells 0 to {len(cells) - 1}")
        cells = cells[cell : cell + 1]
    if as_json:
        print_json([{"factors": c.factors, **c.config} for c in cells])
    else:
        click.echo("---\n".join(as_yaml(c) for c in cells), nl=False)


@recipe.command()
def schema() -> None:
    """Print a JSON Schema of recipes, for editors.

    It knows the installed components.
    """
    from percept.execution.check import NOT_YET
    from percept.recipe import json_schema
    from percept.registry import registry
    from percept.stages import SCHEMAS

    names: dict[str, list[str]] = {}
    for component in registry().components():
        names.setdefault(component.spec.kind, []).append(component.spec.name)
    schema = json_schema(names, SCHEMAS)
    for stage in NOT_YET:
        of_stage = schema["properties"][stage]
        of_stage["description"] = f"{of_stage.get('description', stage)}; not part of this version: refused"
    print_json(schema)


def _planned(cell: PlannedCell, timed: float | str | None) -> dict[str, Any]:
    error = timed if isinstance(timed, str) else cell.error
    wanted = [c["use"] for c in cell.assessors]
    return {
        **cell.factors,
        "run": cell.key[:12],
        "state": cell.state,
        "to assess": ",".join(wanted) or "–",
        "seconds": None if isinstance(timed, str) else timed,
        "problem": error or "–",
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "run": outcome.task.key,
        "factors": dict(outcome.task.factors),
        "status": outcome.status,
        "error": outcome.error,
        "problems": list(outcome.problems),
    }


def _summary(outcomes: list[Outcome], store: str) -> None:
    counts = {"ok": "ran", "done": "done before", "failed": "failed", "stopped": "stopped"}
    parts = [f"{n} {word}" for status, word in counts.items() if (n := sum(o.status == status for o in outcomes))]
    for outcome in outcomes:
        for line in outcome.problems[:SHOWN]:
            say(f"no score: {outcome.task.label}: {line}")
        if len(outcome.problems) > SHOWN:
            say(f"no score: {outcome.task.label}: and {len(outcome.problems) - SHOWN} more, see percept cube report")
        if outcome.status == "failed":
            say(f"failed: {outcome.task.label}: {outcome.error}")
            context = click.get_current_context().find_root()
            if context.obj["debug"] and outcome.traceback:
                say(outcome.traceback)
    if unscored := sum(outcome.failed_scores for outcome in outcomes):
        parts.append(f"{_count(unscored, 'score')} failed (--retry-failed tries again)")
    say(f"{_count(len(outcomes), 'cell')}: {', '.join(parts)}; cube: {store}/cube.zarr")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
