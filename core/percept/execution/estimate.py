"""How long a plan will take, from a few timed steps of each distinct configuration."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from percept_store import Store

from percept.errors import reason_of
from percept.execution.local import cores
from percept.execution.plan import PlannedCell, scratch_of
from percept.stages.assemble import build_trainer
from percept.stages.job import Job
from percept.training.ahead import DEPTH
from percept.training.runtime import Runtime
from percept.training.trainer import Trainer

TIMED_STEPS = 3
_DECISIVE = ("generator", "optimize", "data", "runtime")


def estimate(cells: Sequence[PlannedCell], store: Store, jobs: int = 1) -> dict[str, float | str]:
    """Run → seconds of training that remain, or why a step of it fails. Each distinct configuration is timed once.

    Timing takes a first step that does not count and three that do, with and without the discriminator. With several
    jobs each gets its share of the processors' threads, and the machine's total is about the sum divided by `jobs`.
    """
    timed: dict[str, tuple[float, float] | str] = {}
    left: dict[str, float | str] = {}
    for cell in cells:
        if cell.state in ("new", "resume") and cell.config.get("optimize") and not cell.initial:
            same = json.dumps([cell.config[part] for part in _DECISIVE], sort_keys=True)
            if same not in timed:
                timed[same] = _seconds_per_step(cell, store, max(1, cores() // max(1, jobs)))
            found = timed[same]
            left[cell.key] = found if isinstance(found, str) else _remaining(cell.config["optimize"], found)
    return left


def _remaining(config: Mapping[str, Any], seconds: tuple[float, float]) -> float:
    alone, together = seconds
    adversarial = config["adversarial"] or {}
    warm_up = min(adversarial.get("starts-at", 0), config["steps"]) if together else config["steps"]
    left: float = warm_up * alone + (config["steps"] - warm_up) * together
    return left


def _seconds_per_step(cell: PlannedCell, store: Store, threads: int) -> tuple[float, float] | str:
    try:
        return _time_steps(cell, store, threads)
    except Exception as error:  # one cell that cannot even begin must not hide the plan of the others
        return reason_of(error)


def _time_steps(cell: PlannedCell, store: Store, threads: int) -> tuple[float, float]:
    """(without, with) the discriminator; 0 where there is none."""
    runtime = Runtime.setup(cell.config["runtime"], cell.config["runtime"]["threads"] or threads)
    job = Job(cell.config, cell.key, cell.recipe, cell.factors, store, runtime, scratch_of(store, cell.key))
    trainer = build_trainer(job)
    adversarial, trainer.adversarial = trainer.adversarial, None
    alone = _timed(trainer) if trainer.terms else 0.0
    if adversarial is None:
        return alone, 0.0
    adversarial.starts_at = 0
    trainer.adversarial = adversarial
    return alone, _timed(trainer)


def _timed(trainer: Trainer) -> float:
    for _ in range(1 + DEPTH):  # the first is slow, and meanwhile batches are made ahead
        trainer.advance()
    trainer.runtime.finish()
    started = time.perf_counter()
    for _ in range(TIMED_STEPS):
        trainer.advance()
    trainer.runtime.finish()
    return (time.perf_counter() - started) / TIMED_STEPS
