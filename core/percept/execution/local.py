"""The executor of one machine: each cell in a process of its own, a few at a time."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from percept.execution.progress import Listener
from percept.execution.task import Outcome, Task, outcome_of

# OpenMP's threads spin while they wait for each other: where another process wants the processors too, steps then take
# up to twenty times as long. Threads that soon sleep cost a few per cent on an idle machine. No result depends on it.
_PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}

_Message = tuple[str, dict[str, Any] | None]


@dataclass
class _Running:
    task: Task
    process: subprocess.Popen[str]
    attempt: int
    heard: list[dict[str, Any]] = field(default_factory=list)


class LocalExecutor:
    """Runs tasks in subprocesses. A crash costs one attempt at one cell; the next goes on from its checkpoint."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._messages: queue.Queue[_Message] = queue.Queue()
        self._running: dict[str, _Running] = {}

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
        process = subprocess.Popen(
            [sys.executable, "-m", "percept.execution.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**_PATIENT, **os.environ},
            # A terminal's Ctrl-C reaches the whole group; the parent passes it on in its own time.
            start_new_session=True,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(json.dumps(task.as_dict()))
        self._running[task.key] = _Running(task, process, attempt)
        self.listener.started(task)
        threading.Thread(target=self._listen, args=(task.key, process), daemon=True).start()

    def _listen(self, key: str, process: subprocess.Popen[str]) -> None:
        for event in _events(process.stdout):
            self._messages.put((key, event))
        process.wait()
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
            with suppress(ProcessLookupError):
                running.process.send_signal(signal.SIGTERM)
        for running in self._running.values():
            try:
                running.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                running.process.kill()
        self._running.clear()
        self.listener.close()


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _events(stream: IO[str] | None) -> Iterator[dict[str, Any]]:
    for line in stream or ():
        with suppress(json.JSONDecodeError):  # the last line of a killed worker may be half a line
            yield json.loads(line)


def _ready(waiting: Sequence[Task], unfinished: set[str]) -> list[Task]:
    return [task for task in waiting if not unfinished & set(task.needs)]


def _hopeless(waiting: Sequence[Task], failed: set[str]) -> list[Task]:
    return [task for task in waiting if failed & set(task.needs)]


def _crashed(running: _Running) -> Outcome:
    code = running.process.returncode
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
    return Outcome(running.task, "failed", f"its process {how} {running.attempt} times; see the messages above")
