"""What training takes its batches from."""

from __future__ import annotations

from typing import Any, Protocol

from percept.training.batch import Batch


class Sampler(Protocol):
    """Gives batches, and knows where it stands."""

    def next(self) -> Batch:
        """The next batch, on the processor."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        ...
