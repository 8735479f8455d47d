"""Local means under the Gaussian window."""

from __future__ import annotations

from math import exp
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

SIZE = 11  # side of the window in pixels
SIGMA = 1.5  # of the window, in pixels

_SAMPLES = tuple(exp(-((i - SIZE // 2) ** 2) / (2 * SIGMA**2)) for i in range(SIZE))
WINDOW = tuple(sample / sum(_SAMPLES) for sample in _SAMPLES)


def local_mean(values: Tensor) -> Tensor:
    """(N, 1, H, W) → means under the window at valid positions, (N, 1, H - 10, W - 10)."""
    mean: Tensor = _Window.apply(values)
    return mean


class _Window(torch.autograd.Function):
    """The window is its own mirror image, so the gradient is a pass over the padded gradient. Keeps no tensor."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        return _smooth(values)

    @staticmethod
    @once_differentiable
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return _smooth(functional.pad(gradients[0], [SIZE - 1] * 4))


def _smooth(values: Tensor) -> Tensor:
    """Sums of shifted views, pairs of equal weight together: faster than a convolution in float64."""
    middle = SIZE // 2
    for dim in (-1, -2):
        length = values.shape[dim] - SIZE + 1
        views = [values.narrow(dim, start, length) for start in range(SIZE)]
        values = views[middle] * WINDOW[middle]
        for i in range(middle):
            values.add_(views[i] + views[-1 - i], alpha=WINDOW[i])
    return values
