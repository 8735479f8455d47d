"""What a stage gets: one cell of a recipe, where its results go, and how to say how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from percept_store import Store

    from percept.training.runtime import Runtime

Event = dict[str, Any]


class StoppedError(Exception):
    """Somebody asked the worker to stop; what it had is in the checkpoint."""


def silent(_event: Event) -> None:
    """The listener of those who do not want to know."""


@dataclass
class Job:
    """One cell at work.

    config     the resolved cell: every section of the recipe, defaults filled in
    key        the run's name
    factors    the matrix axes of this cell, and their labels
    initial    `generator`, `adapter` or `discriminator` → the artefact whose weights it starts from
    scratch    a folder of this run's own on a local disk, for checkpoints
    emit       takes events such as {"event": "step", "step": 10, "of": 300, "losses": {…}}
    stop       set by whoever wants the work to end at the next step, with a checkpoint
    """

    config: Mapping[str, Any]
    key: str
    recipe: str
    factors: Mapping[str, Any]
    store: Store
    runtime: Runtime
    scratch: Path
    initial: Mapping[str, str] = field(default_factory=dict)
    emit: Callable[[Event], None] = silent
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def images(self) -> Path:
        """The folder of decoded training images, the same for all runs of a store."""
        return self.scratch.parent / "images"
