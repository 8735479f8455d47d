"""Telling people how far it is: bars on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol, TextIO

from percept.execution.task import Outcome, Task


class Listener(Protocol):
    """What an executor tells while it works."""

    def started(self, task: Task) -> None:
        """A worker began, or began again."""

    def event(self, task: Task, event: dict[str, Any]) -> None:
        """A worker said something."""

    def ended(self, outcome: Outcome) -> None:
        """A cell is finished, one way or the other."""

    def note(self, text: str) -> None:
        """Something that people should know, about no cell in particular."""

    def close(self) -> None:
        """Nothing more will come."""


class PlainProgress:
    """Lines for logs: each cell's beginning and end, and how far it is every `seconds`."""

    def __init__(self, total: int, stream: TextIO | None = None, seconds: float = 10.0) -> None:
        self.total, self.stream, self.seconds = total, stream or sys.stderr, seconds
        self.finished = 0
        self._began: dict[str, float] = {}
        self._spoke: dict[str, float] = {}
        self._first: dict[str, tuple[int, float]] = {}

    def started(self, task: Task) -> None:
        self._began[task.key] = self._spoke[task.key] = time.monotonic()
        self._line(f"{task.label}: started")

    def event(self, task: Task, event: dict[str, Any]) -> None:
        now = time.monotonic()
        if event["event"] == "resumed":
            self._line(f"{task.label}: goes on from step {event['step']}")
        if event["event"] == "note":
            self.note(f"{task.label}: {event['text']}")
        if event["event"] != "step":
            return
        first, since = self._first.setdefault(task.key, (event["step"], now))
        if now - self._spoke[task.key] >= self.seconds and event["step"] > first:
            self._spoke[task.key] = now
            left = (event["of"] - event["step"]) * (now - since) / (event["step"] - first)
            self._line(f"{task.label}: step {event['step']}/{event['of']}, {losses_text(event)}, {left:.0f} s left")

    def ended(self, outcome: Outcome) -> None:
        self.finished += 1
        seconds = time.monotonic() - self._began.get(outcome.task.key, time.monotonic())
        how = (
            f"done in {seconds:.1f} s" if outcome.status == "ok" else f"{outcome.status}: {outcome.error}".rstrip(": ")
        )
        self._line(f"{outcome.task.label}: {how}")

    def note(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Nothing to tidy up."""

    def _line(self, text: str) -> None:
        print(f"[{self.finished}/{self.total}] {text}", file=self.stream, flush=True)


class BarProgress:
    """A bar for each running cell, with its losses and the time that remains, and a line for each that ends."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.total, self.finished = total, 0
        self._bars: dict[str, Any] = {}
        self._began: dict[str, float] = {}

    def started(self, task: Task) -> None:
        from tqdm import tqdm

        self._began[task.key] = time.monotonic()
        if task.key not in self._bars:
            taken = {bar.pos for bar in self._bars.values()}
            position = next(i for i in range(len(taken) + 1) if -i not in taken and i not in taken)
            self._bars[task.key] = tqdm(
                total=(task.config.get("optimize") or {}).get("steps"),
                desc=task.label,
                position=position,
                leave=False,
                file=self.stream,
                dynamic_ncols=True,
                unit="step",
            )

    def event(self, task: Task, event: dict[str, Any]) -> None:
        bar = self._bars[task.key]
        if event["event"] == "resumed":
            bar.initial = bar.n = event["step"]
            bar.refresh()
        elif event["event"] == "step":
            bar.set_postfix_str(losses_text(event), refresh=False)
            bar.update(event["step"] - bar.n)
        elif event["event"] == "assessed":
            bar.set_postfix_str(f"assessing {event['number']}/{event['of']}")
        elif event["event"] == "note":
            self.note(f"{task.label}: {event['text']}")

    def ended(self, outcome: Outcome) -> None:
        self.finished += 1
        bar = self._bars.pop(outcome.task.key, None)
        seconds = time.monotonic() - self._began.get(outcome.task.key, time.monotonic())
        mark = {"ok": "✓", "stopped": "–"}.get(outcome.status, "✗")
        text = f"{seconds:.1f} s" if outcome.status == "ok" else f"{outcome.status} {outcome.error}".strip()
        if bar is not None:
            bar.close()
        self.note(f"{mark} [{self.finished}/{self.total}] {outcome.task.label}  {text}")

    def close(self) -> None:
        for bar in self._bars.values():
            bar.close()
        self._bars.clear()

    def note(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=self.stream)


def progress(total: int) -> Listener:
    """Bars if stderr is a terminal, else lines."""
    return BarProgress(total) if sys.stderr.isatty() else PlainProgress(total)


def losses_text(event: dict[str, Any]) -> str:
    """`l1 0.0312  ms-ssim 0.0127`."""
    return "  ".join(f"{name} {value:.4g}" for name, value in event["losses"].items())
