"""Roots whose slope is finite at 0, so that equal and flat images have gradients."""

from __future__ import annotations

from math import sqrt

from torch import Tensor


def safe_sqrt(values: Tensor, tiny: float = 1e-12) -> Tensor:
    """√(x + tiny) - √tiny for x ≥ 0, any shape: 0 at 0, where its slope is 1 / (2√tiny); too small by at most √tiny."""
    return (values + tiny).sqrt() - sqrt(tiny)


def safe_norm(first: Tensor, second: Tensor, tiny: float = 1e-12) -> Tensor:
    """√(x² + y² + tiny), any shapes that broadcast: its gradient at (0, 0) is 0, where it is √tiny and not 0."""
    return (first.square() + second.square() + tiny).sqrt()
