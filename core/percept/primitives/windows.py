"""Smoothing: separable windows, and means over 2×2 pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from percept.errors import ComponentError

SMALL = 1 << 16  # values of a map, below which the number of operations costs more than their size


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

    Small maps, which may differ in C, are smoothed together. Differentiable any number of times, but for the window.
    """
    if maps[0].device.type == "cpu" and maps[0].numel() > SMALL:
        # One by one: a stack of large maps is fresh memory, which the system takes longer to hand out than we to fill.
        return tuple(_smoothed(values, window) for values in maps)
    stacked = torch.cat(maps, dim=1)
    smoothed = _smoothed(stacked, window) if stacked.device.type == "cpu" else _convolved(stacked, window)
    return torch.split(smoothed, [values.shape[1] for values in maps], dim=1)


def spread(window: Tensor, *maps: Tensor) -> tuple[Tensor, ...]:
    """The adjoint of `separable`: maps (N, C, h, w) → (N, C, h + len(window) - 1, w + len(window) - 1).

    What a gradient with respect to smoothed maps is to the maps themselves, for metrics that give their own gradient.
    """
    taps = window.tolist()
    return tuple(_Spread.apply(_Spread.apply(values, -1, taps), -2, taps) for values in maps)


def _smoothed(values: Tensor, window: Tensor) -> Tensor:
    taps = window.tolist()
    return _Along.apply(_Along.apply(values, -2, taps), -1, taps)  # type: ignore[no-any-return]  # torch's


def _convolved(stacked: Tensor, window: Tensor) -> Tensor:
    groups = stacked.shape[1]
    rows = window.to(stacked).view(1, 1, 1, -1).expand(groups, 1, 1, -1)
    across = functional.conv2d(stacked, rows, groups=groups)
    return functional.conv2d(across, rows.transpose(-1, -2), groups=groups)


class _Along(torch.autograd.Function):
    """Σᵢ tapsᵢ · values shifted by i along one dimension. On a CPU that is faster than a depthwise convolution.

    The sums run over whole maps in the layout that they have: a convolution's own layout would cost two copies, and
    makes every operation after it several times slower.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, dim: int, taps: list[float]) -> Tensor:
        ctx.dim, ctx.taps = dim, taps
        first, *others = _shifts(values, dim, values.shape[dim] - len(taps) + 1)
        total = first * taps[0]
        for shifted, tap in zip(others, taps[1:], strict=True):
            total.add_(shifted, alpha=tap)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Spread.apply(gradients[0], ctx.dim, ctx.taps), None, None


class _Spread(torch.autograd.Function):
    """The adjoint of `_Along`, of which that is the adjoint."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dim: int, taps: list[float]) -> Tensor:
        ctx.dim, ctx.taps = dim, taps
        size = values.shape[dim]
        shape = list(values.shape)
        shape[dim] = size + len(taps) - 1
        total = values.new_empty(shape)
        total.narrow(dim, size, len(taps) - 1).zero_()
        first, *others = _shifts(total, dim, size)
        torch.mul(values, taps[0], out=first)
        for shifted, tap in zip(others, taps[1:], strict=True):
            shifted.add_(values, alpha=tap)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Along.apply(gradients[0], ctx.dim, ctx.taps), None, None


def _shifts(values: Tensor, dim: int, size: int) -> tuple[Tensor, ...]:
    """Views of so many places along -1 or -2, from the first on, from the second on, …: quicker than one by one."""
    shifted = values.unfold(dim, size, 1)
    return shifted.unbind(-2) if dim == -1 else shifted.transpose(-1, -2).unbind(-3)


def halve(planes: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, ⌈H/2⌉, ⌈W/2⌉): means over 2×2 pixels, at an odd border over the pixels that there are.

    The same as MATLAB's imfilter with ones(2)/4 and 'symmetric', of which every other pixel is taken.
    """
    height, width = planes.shape[-2:]
    if height % 2 or width % 2:
        planes = functional.pad(planes, (0, width % 2, 0, height % 2), mode="replicate")
    return _Halve.apply(planes)  # type: ignore[no-any-return]  # torch's


class _Halve(torch.autograd.Function):
    """Means over 2×2 pixels, (N, C, 2h, 2w). Rows are added first, for they are whole: an eighth of pooling's time."""

    @staticmethod
    def forward(_: Any, planes: Tensor) -> Tensor:
        count, channels, height, width = planes.shape
        upper, lower = planes.reshape(count, channels, height // 2, 2, width).unbind(3)
        left, right = (upper + lower).view(count, channels, height // 2, width // 2, 2).unbind(4)
        return (left + right).mul_(0.25)

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return functional.interpolate(gradients[0] * 0.25, scale_factor=2, mode="nearest")
