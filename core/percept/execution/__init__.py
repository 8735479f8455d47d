"""Running recipes: plan the cells, hand what is left to an executor, refresh the cube."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from percept.execution.task import Outcome, Task

if TYPE_CHECKING:
    from percept.execution.plan import PlannedCell
    from percept.execution.progress import Listener

__all__ = ["Outcome", "Task", "run_recipe"]


def run_recipe(
    recipe: str,
    store: str = "store",
    jobs: int = 1,
    overrides: tuple[str, ...] = (),
    retry_failed: bool = False,
    listener: Listener | None = None,
) -> list[Outcome]:
    """Do what a recipe asks for and `store` does not hold yet. One outcome a cell, those done before included.

    jobs           cells at a time, each in its own process; 0 works in this process, for debuggers
    retry_failed   also try again what diverged before, and scores that failed
    listener       is told of the progress; default: bars or lines on stderr

    Raises RecipeError if the recipe has mistakes; whatever happens to one cell is in its outcome.
    """
    from percept_store import Store

    from percept.execution.check import load_checked
    from percept.execution.membership import note_memberships
    from percept.execution.plan import Planner, unresolved
    from percept.execution.progress import progress

    opened = Store(store)
    planner = Planner(opened, retry_failed)
    cells = planner.plan(load_checked(recipe, overrides))
    note_memberships(opened, planner.snapshot, cells)
    waiting = [task_of(cell, store, jobs, retry_failed) for cell in unresolved(cells)]
    done = [_settled(cell, store, jobs) for cell in cells if cell.state in ("done", "failed")]
    listener = listener or progress(len(waiting))
    for damage in opened.ledger.damaged:
        listener.note(f"{damage.path}: {damage.reason}")
    scored = {cell.key: cell for cell in cells if cell.failed_scores}
    outcomes = [_with_earlier(outcome, scored) for outcome in done + _work(waiting, jobs, listener)]
    # Where nothing could even begin, there may be no store to make a cube of: the outcomes say why.
    if any(outcome.status in ("ok", "done") for outcome in outcomes) or next(opened.ledger.records(), None):
        opened.refresh()
    return outcomes


def task_of(cell: PlannedCell, store: str, jobs: int, retry_failed: bool = False) -> Task:
    """The task of a planned cell, its threads being a fair share of the processors unless the recipe says how many."""
    from percept_store import Store

    from percept.execution.local import cores
    from percept.execution.plan import scratch_of

    threads = cell.config["runtime"]["threads"] or max(1, cores() // max(1, jobs))
    return Task(
        key=cell.key,
        label=cell.label,
        recipe=cell.recipe,
        config=cell.config,
        factors=cell.factors,
        store=store,
        scratch=str(scratch_of(Store(store), cell.key)),
        threads=threads,
        assessors=cell.assessors,
        initial=cell.initial,
        test=cell.test,
        retry_failed=retry_failed,
    )


def _work(tasks: list[Task], jobs: int, listener: Listener) -> list[Outcome]:
    if not tasks:
        return []
    if jobs == 0:
        from percept.execution.inline import InlineExecutor

        return list(InlineExecutor(listener).map(tasks))
    from percept.execution.local import LocalExecutor

    return list(LocalExecutor(listener).map(tasks, slots=jobs))


def _settled(cell: PlannedCell, store: str, jobs: int) -> Outcome:
    return Outcome(task_of(cell, store, jobs), cell.state, cell.error if cell.state == "failed" else "")


def _with_earlier(outcome: Outcome, cells: dict[str, PlannedCell]) -> Outcome:
    """Scores that failed before and were not tried again are told as those that failed now."""
    cell = cells.get(outcome.task.key)
    if cell is None:
        return outcome
    problems, failed = (*outcome.problems, cell.error), outcome.failed_scores + cell.failed_scores
    return replace(outcome, problems=problems, failed_scores=failed)
