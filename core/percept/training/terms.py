"""The fidelity side of the objective: any number of losses, each with its label and weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from percept.contracts import FidelityLoss
from percept.errors import PerceptError


@dataclass(frozen=True)
class Term:
    """One fidelity loss of an objective."""

    label: str
    weight: float
    loss: FidelityLoss

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The batch mean, unweighted; raises PerceptError if the loss breaks its contract of one value an image."""
        values = self.loss(output, target)
        if values.shape != output.shape[:1]:
            raise PerceptError(f"fidelity loss '{self.label}' returned {tuple(values.shape)}, not one value an image")
        return values.mean()


def labels(names: Sequence[str]) -> list[str]:
    """Distinct labels for losses in order: two of one name become `l1` and `l1-2`, so that neither hides the other."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return result
