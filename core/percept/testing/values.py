"""Requirements on the values that metrics give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from percept.testing.check import ConformanceError, require

if TYPE_CHECKING:
    from collections.abc import Sequence


def require_finite(values: Tensor, what: str) -> None:
    """Raise ConformanceError unless all values are finite; `what` says of which images."""
    require(bool(values.isfinite().all()), f"{what}: {listed(values)}")


def require_close(first: Tensor, second: Tensor, what: str, relative: float = 1e-5, absolute: float = 1e-7) -> None:
    """Raise ConformanceError unless |first - second| ≤ relative · |second| + absolute; `what` names both."""
    first, second = first.flatten(), second.flatten()
    require(first.shape == second.shape, f"{what}: {first.numel()} values against {second.numel()}")
    if not torch.allclose(first, second, rtol=relative, atol=absolute, equal_nan=True):
        worst = int((first - second).abs().nan_to_num(torch.inf).argmax())
        raise ConformanceError(f"{what} differ: {first[worst].item():.7g} against {second[worst].item():.7g}")


def listed(values: Tensor) -> str:
    """The first three values, for a message."""
    shown: Sequence[float] = values.flatten()[:3].tolist()
    return ", ".join(f"{v:.7g}" for v in shown)
