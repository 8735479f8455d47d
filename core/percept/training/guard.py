"""The NaN guard: a step that is not finite is skipped, and leaves no trace; ten in a row end the run."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from percept.errors import PerceptError

LIMIT = 10


class DivergedError(PerceptError):
    """Training met a loss or a gradient that is not finite, ten steps in a row."""


class Guard:
    """Counts the skipped steps, and puts back the buffers (batch norm, spectral norm) that a bad forward has spoilt."""

    def __init__(self, *modules: nn.Module | None) -> None:
        self._buffers = [b for m in modules if m is not None for b in m.buffers()]
        self._saved = [b.clone() for b in self._buffers]
        self.in_a_row = 0
        self.skipped = 0

    def remember(self) -> None:
        """Keep the buffers as they are now, before a step."""
        if self._buffers:
            for saved, buffer in zip(self._saved, self._buffers, strict=True):
                saved.copy_(buffer)

    def passed(self) -> None:
        """The step was fine."""
        self.in_a_row = 0

    def require_learnt(self, steps: int) -> None:
        """Raises DivergedError if most of `steps` steps were skipped: short runs end before ten in a row."""
        if 2 * self.skipped > steps:
            raise DivergedError(
                f"loss or gradient not finite in {self.skipped} of {steps} steps: lower optimize.optimizer.lr "
                "or the weight of the term that diverges"
            )

    def skip(self, step: int, losses: Mapping[str, Tensor], counts: bool = True) -> None:
        """Undo what the step left behind; raise DivergedError if it is the tenth in a row of those that count."""
        for saved, buffer in zip(self._saved, self._buffers, strict=True):
            buffer.copy_(saved)
        self.in_a_row += counts
        self.skipped += 1
        if self.in_a_row >= LIMIT:
            values = ", ".join(f"{name} {float(value):.4g}" for name, value in losses.items())
            raise DivergedError(
                f"loss or gradient not finite {LIMIT} steps in a row, up to step {step} ({values}): "
                "lower optimize.optimizer.lr or the weight of the term that diverges"
            )
