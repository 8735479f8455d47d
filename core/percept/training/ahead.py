"""Batches that are made while the one before is trained on: an accelerator need not wait for the processor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from percept.training.batch import Batch
from percept.training.sampler import Sampler

DEPTH = 2

_Made = tuple[Batch, dict[str, Any]]


class Ahead:
    """A sampler that is up to DEPTH batches ahead of whoever takes them, in a thread of its own.

    ready  what is done to a batch in that thread: pinned memory is copied to a GPU without waiting

    Batches are the sampler's own, in its order, and so is the state: that after the last batch that was *taken*. What
    the sampler raises is raised when its batch is taken.
    """

    def __init__(self, sampler: Sampler, ready: Callable[[Batch], Batch]) -> None:
        self.sampler, self._ready = sampler, ready
        self._thread = ThreadPoolExecutor(1, "batches")
        self._made: deque[Future[_Made]] = deque()
        self._state = sampler.state_dict()

    def next(self) -> Batch:
        """The sampler's next batch."""
        while len(self._made) <= DEPTH:
            self._made.append(self._thread.submit(self._make))
        batch, self._state = self._made.popleft().result()
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Where the sampler stood after the batch that was taken last."""
        return self._state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`; what was made ahead is forgotten."""
        while self._made:
            made = self._made.pop()
            if not made.cancel():
                made.exception()  # waits for it
        self.sampler.load_state_dict(state)
        self._state = state

    def _make(self) -> _Made:
        return self._ready(self.sampler.next()), self.sampler.state_dict()


def pinned(batch: Batch) -> Batch:
    """The batch in memory that a GPU reads by itself."""
    return Batch(*(None if images is None else images.pin_memory() for images in batch))  # type: ignore[arg-type]  # a batch has images or nothing
