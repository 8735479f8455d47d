"""The executor of one machine: each cell in a process of its own, a few at a time."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from percept.execution.progress import Listener
from percept.execution.task import Outcome, Task, outcome_of
from percept.execution.workers import Nursery, Spawner, Worker, starter

_Message = tuple[str, dict[str, Any] | None]


@dataclass
class _Running:
    task: Task
    worker: Worker
    attempt: int
    places: tuple[int, ...]
    heard: list[dict[str, Any]] = field(default_factory=list)


class LocalExecutor:
    """Runs tasks in subprocesses. A crash costs one attempt at one cell; the next goes on from its checkpoint."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._messages: queue.Queue[_Message] = queue.Queue()
        self._running: dict[str, _Running] = {}
        self._starter: Nursery | Spawner | None = None

    def map(self, tasks: Sequence[Task], slots: int, retries: int = 1) -> Iterator[Outcome]:
        """Outcomes in the order in which tasks end. A task waits for its `needs`, and fails with the first that fails.

        On any interruption, KeyboardInterrupt included, the workers are asked to stop at their next step.
        """
        waiting = list(tasks)
        failed: set[str] = set()
        unfinished = {task.key for task in tasks}
        try:
            while waiting or self._running:
                for task in _hopeless(waiting, failed):
                    waiting.remove(task)
                    yield self._close(Outcome(task, "failed", "the run that it starts from failed"), failed, unfinished)
                for task in _ready(waiting, unfinished)[: slots - len(self._running)]:
                    waiting.remove(task)
                    self._launch(task, attempt=1)
                outcome = self._next(retries) if self._running else None
                if outcome:
                    yield self._close(outcome, failed, unfinished)
        finally:
            self._stop()

    def _close(self, outcome: Outcome, failed: set[str], unfinished: set[str]) -> Outcome:
        unfinished.discard(outcome.task.key)
        if outcome.status != "ok":
            failed.add(outcome.task.key)
        self.listener.ended(outcome)
        return outcome

    def _launch(self, task: Task, attempt: int) -> None:
        places = self._places(task.config["runtime"])
        worker = self._start({**task.as_dict(), "places": places})
        self._running[task.key] = _Running(task, worker, attempt, places)
        self.listener.started(task)
        threading.Thread(target=self._listen, args=(task.key, worker), daemon=True).start()

    def _places(self, runtime: Mapping[str, Any]) -> tuple[int, ...]:
        """The first places in a row that no running task has: counted round, different GPUs if there are enough.

        None for a task whose device is named, or is the processor.
        """
        if runtime["device"] not in ("auto", "cuda"):
            return ()
        taken = {place for running in self._running.values() for place in running.places}
        rows = (range(first, first + runtime["processes"]) for first in itertools.count())
        return tuple(next(row for row in rows if taken.isdisjoint(row)))

    def _start(self, task: Mapping[str, Any]) -> Worker:
        if self._starter is not None:
            try:
                return self._starter.start(task)
            except ConnectionError:  # somebody killed it: a new one takes its place
                self._starter.close()
        self._starter = starter()
        return self._starter.start(task)

    def _listen(self, key: str, worker: Worker) -> None:
        for event in worker.events():
            self._messages.put((key, event))
        worker.wait(None)
        self._messages.put((key, None))

    def _next(self, retries: int) -> Outcome | None:
        key, event = self._messages.get()
        running = self._running[key]
        if event is not None:
            if event["event"] in ("end", "scores"):
                running.heard.append(event)
            self.listener.event(running.task, event)
            return None
        del self._running[key]
        outcome = outcome_of(running.task, running.heard)
        if outcome is None and running.attempt <= retries:
            self._launch(running.task, running.attempt + 1)
            return None
        return outcome or _crashed(running)

    def _stop(self) -> None:
        for running in self._running.values():
            running.worker.ask_to_stop()
        for running in self._running.values():
            running.worker.make_sure()
        self._running.clear()
        if self._starter is not None:
            self._starter.close()
        self.listener.close()


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ready(waiting: Sequence[Task], unfinished: set[str]) -> list[Task]:
    return [task for task in waiting if not unfinished & set(task.needs)]


def _hopeless(waiting: Sequence[Task], failed: set[str]) -> list[Task]:
    return [task for task in waiting if failed & set(task.needs)]


def _crashed(running: _Running) -> Outcome:
    code = running.worker.wait(0)
    if code is None:
        how = "ended without a word"
    else:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
    return Outcome(running.task, "failed", f"its process {how} {running.attempt} times; see the messages above")
