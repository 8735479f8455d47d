"""What travels to a worker and what comes back: paths and plain values only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Task:
    """One cell to be worked on, as plain JSON values. `needs` are the runs that must be there first.

    assessors     those whose scores were missing when it was planned
    test          names the test set as it is used
    retry_failed  whether scores that failed are missing, too
    """

    key: str
    label: str
    recipe: str
    config: Mapping[str, Any]
    factors: Mapping[str, Any]
    store: str
    scratch: str
    threads: int
    assessors: tuple[Mapping[str, Any], ...] = ()
    initial: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    test: str = ""
    retry_failed: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The runs that this one starts from."""
        return tuple(key for key, _ in self.initial.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: `status` ok · failed · stopped · done (nothing was left), with the reason of a failure.

    `problems` says which scores there are none of, though the cell itself went well; `failed_scores` counts them.
    """

    task: Task
    status: str
    error: str = ""
    traceback: str = field(default="", repr=False)
    problems: tuple[str, ...] = ()
    failed_scores: int = 0


def outcome_of(task: Task, events: Sequence[Mapping[str, Any]]) -> Outcome | None:
    """The outcome that a worker's events tell, or None if it ended without a word."""
    scores = [event for event in events if event["event"] == "scores"]
    problems = tuple(line for event in scores for line in event["problems"])
    failed = sum(event["failed"] for event in scores)
    ends = [event for event in events if event["event"] == "end"]
    if not ends:
        return None
    return Outcome(task, ends[-1]["status"], ends[-1]["reason"], ends[-1].get("traceback", ""), problems, failed)
