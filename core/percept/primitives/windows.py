"""Smoothing: separable windows, and means over 2×2 pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from percept.errors import ComponentError


def gaussian(size: int, sigma: float) -> Tensor:
    """(size,) float32: samples of a Gaussian of standard deviation `sigma` pixels, sum 1.

    Raises ComponentError unless both are positive.
    """
    if size < 1 or sigma <= 0:
        raise ComponentError(f"a window of {size} pixels and sigma {sigma}: give both positive values, as 11 and 1.5")
    distance = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    window = (-distance.square() / (2 * sigma**2)).exp()
    return (window / window.sum()).float()


def separable(window: Tensor, *maps: Tensor) -> tuple[Tensor, ...]:
    """Maps (N, C, H, W) under the window of outer product window·windowᵀ, valid positions only.

    All maps, which may differ in C, go through one depthwise convolution a direction: channels last, that is several
    times faster than one call a map. The window is (k,), the results are (N, C, H - k + 1, W - k + 1).
    """
    stacked = torch.cat(maps, dim=1).contiguous(memory_format=torch.channels_last)
    groups = stacked.shape[1]
    rows = window.to(stacked).view(1, 1, 1, -1).expand(groups, 1, 1, -1)
    across = functional.conv2d(stacked, rows, groups=groups)
    smoothed = functional.conv2d(across, rows.transpose(-1, -2), groups=groups)
    return smoothed.split([values.shape[1] for values in maps], dim=1)


def halve(planes: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, ⌈H/2⌉, ⌈W/2⌉): means over 2×2 pixels, at an odd border over the pixels that there are.

    The same as MATLAB's imfilter with ones(2)/4 and 'symmetric', of which every other pixel is taken.
    """
    return functional.avg_pool2d(planes, 2, ceil_mode=True)
