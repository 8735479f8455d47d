"""Time of calls side by side: in rounds, each of them in turn, so that whatever else the machine does meets them all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from tests.benchmarks.peers.subject import Subject

LEAST = 0.005  # seconds that one measurement lasts: quicker calls are repeated
PATIENCE = 20.0  # seconds for all rounds of one call: slow ones get few
FEWEST = 2
CANDIDATES = 10


@dataclass(frozen=True)
class Time:
    """Median milliseconds of one call, over `rounds` rounds.

    cpu   of the calling thread, if torch was given one; of the process, if more, its waiting threads included
    wall  by the clock on the wall
    """

    cpu: float
    wall: float
    rounds: int


def interleaved(calls: Mapping[str, Callable[[], None]], rounds: int, threads: int) -> dict[str, Time]:
    """Times of all calls with so many threads, after one call of each that is not counted."""
    torch.set_num_threads(threads)
    clock = time.thread_time if threads == 1 else time.process_time
    once = {name: _timed(call, 1, clock)[1] for name, call in calls.items()}
    repeats = {name: math.ceil(LEAST / max(seconds, 1e-6)) for name, seconds in once.items()}
    due = {name: max(FEWEST, min(rounds, int(PATIENCE / max(seconds, 1e-6)))) for name, seconds in once.items()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(max(due.values())):
        names = [name for name in calls if turn < due[name]]
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found[name].append(_timed(calls[name], repeats[name], clock))
    return {
        name: Time(1e3 * median(cpu for cpu, _ in times), 1e3 * median(wall for _, wall in times), len(times))
        for name, times in found.items()
    }


def prepared(subject: Subject, output: Tensor, target: Tensor, rounds: int) -> tuple[Time, Time]:
    """One reference and ten candidates, time for each of these: (prepared for every one, prepared once for all)."""
    judge = subject.assessor
    rng = torch.Generator().manual_seed(1)
    candidates = [
        (output + 0.02 * i * torch.rand(output.shape, generator=rng)) / (1 + 0.02 * i) for i in range(CANDIDATES)
    ]

    def each() -> None:
        with torch.no_grad():
            for candidate in candidates:
                judge.score(candidate, judge.prepare(target))

    def once() -> None:
        with torch.no_grad():
            state = judge.prepare(target)
            for candidate in candidates:
                judge.score(candidate, state)

    times = interleaved({"each": each, "once": once}, rounds, threads=1)
    first, second = (Time(t.cpu / CANDIDATES, t.wall / CANDIDATES, t.rounds) for t in (times["each"], times["once"]))
    return first, second


def _timed(call: Callable[[], None], repeats: int, clock: Callable[[], float]) -> tuple[float, float]:
    """(CPU, wall) seconds of one call, the mean of some."""
    cpu, wall = clock(), time.perf_counter()
    for _ in range(repeats):
        call()
    return (clock() - cpu) / repeats, (time.perf_counter() - wall) / repeats
