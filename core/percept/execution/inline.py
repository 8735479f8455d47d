"""The executor for debuggers: every task in this very process, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from percept.execution.progress import Listener
from percept.execution.task import Outcome, Task, outcome_of
from percept.execution.worker import work


class InlineExecutor:
    """Runs tasks here; an interruption loses what was done since the last checkpoint."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def map(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Outcomes in the order of the tasks; those that others start from come first in a plan."""
        for task in tasks:
            self.listener.started(task)
            heard: list[dict[str, Any]] = []

            def hear(event: dict[str, Any], task: Task = task, heard: list[dict[str, Any]] = heard) -> None:
                heard.append(event)
                self.listener.event(task, event)

            work(task.as_dict(), hear, threading.Event())
            outcome = outcome_of(task, heard)
            assert outcome is not None
            self.listener.ended(outcome)
            yield outcome
        self.listener.close()
