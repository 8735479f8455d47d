"""Smoothing: separable windows, and means over 2×2 pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from percept.errors import ComponentError

FEW = 3  # channels; at 512×384, forward and backward, one of them takes a twentieth of the time, three nine tenths


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

    All maps, which may differ in C, go through one depthwise convolution a direction: that is several times faster
    than one call a map. The window is (k,), the results are (N, C, H - k + 1, W - k + 1).
    """
    stacked = torch.cat(maps, dim=1)
    smoothed = _few(window, stacked) if stacked.shape[1] <= FEW else _many(window, stacked)
    return torch.split(smoothed, [values.shape[1] for values in maps], dim=1)


def _many(window: Tensor, stacked: Tensor) -> Tensor:
    stacked = stacked.contiguous(memory_format=torch.channels_last)
    groups = stacked.shape[1]
    rows = window.to(stacked).view(1, 1, 1, -1).expand(groups, 1, 1, -1)
    across = functional.conv2d(stacked, rows, groups=groups)
    return functional.conv2d(across, rows.transpose(-1, -2), groups=groups)


def _few(window: Tensor, stacked: Tensor) -> Tensor:
    """For so few channels that they cannot fill a vector register: the places beside each other do."""
    count, channels, height, width = stacked.shape
    down = _down(window, stacked.reshape(count * channels, height, width))
    across = _down(window, down.flatten(0, 1).t().contiguous()[None])[0]
    return across.t().reshape(count, channels, -1, across.shape[0])


def _down(window: Tensor, planes: Tensor) -> Tensor:
    """(N, L, M) → (N, L - k + 1, M): each column under the window, the columns taken as channels."""
    columns = planes[:, :, None].permute(0, 3, 1, 2)
    weights = window.to(planes).view(1, 1, -1, 1).expand(columns.shape[1], 1, -1, 1)
    return functional.conv2d(columns, weights, groups=columns.shape[1])[..., 0].transpose(1, 2)


def halve(planes: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, ⌈H/2⌉, ⌈W/2⌉): means over 2×2 pixels, at an odd border over the pixels that there are.

    The same as MATLAB's imfilter with ones(2)/4 and 'symmetric', of which every other pixel is taken.
    """
    return functional.avg_pool2d(planes, 2, ceil_mode=True)
