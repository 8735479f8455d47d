"""What FSIM, VSI and SR-SIM share: the working size, Scharr's gradient, similarity of maps, weighted means.

All maps are (N, C, h, w); numbers are those of the authors' MATLAB code, whose images run from 0 to 255.
"""

from __future__ import annotations

from math import cos, floor, pi
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

TINY = 1e-12  # added below the root of the gradient magnitude: 1e-6 grey levels where the image is flat
NO_WEIGHT = 1e-8  # added to every weight: where all are 0, the mean is the plain one


def shrink(images: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, ⌈H/F⌉, ⌈W/F⌉): means over F×F pixels, F the side in units of 256, rounded, at least 1.

    F = max(1, ⌊min(H, W)/256 + 1/2⌋). The same as every F-th value of MATLAB's conv2 with fspecial('average', F) and
    'same': zeros beyond the border, and the first window begins (F - 1) // 2 pixels before the first pixel.
    """
    factor = max(1, floor(min(images.shape[-2:]) / 256 + 0.5))
    if factor == 1:
        return images
    for dim in (-2, -1):
        images = _sums(images, factor, dim)
    return images / factor**2


def _sums(images: Tensor, factor: int, dim: int) -> Tensor:
    size = images.shape[dim]
    count = -(-size // factor)
    before = (factor - 1) // 2
    after = count * factor - size - before
    if before or after:
        images = functional.pad(images, (before, after) if dim == -1 else (0, 0, before, after))
    # Unbinding, unlike slicing, has a backward pass that writes each value once.
    blocks: Tensor = images.unflatten(dim, (count, factor))  # type: ignore[no-untyped-call]  # it has no types
    first, *others = blocks.unbind(dim)
    total = first + others[0]
    for other in others[1:]:
        total = total + other
    return total


def gradient_magnitude(plane: Tensor) -> Tensor:
    """(N, 1, h, w) → |∇| (N, 1, h, w) with Scharr's filters divided by 16, zeros beyond the border."""
    result: Tensor = _GradientMagnitude.apply(plane)
    return result


class _GradientMagnitude(torch.autograd.Function):
    """By hand: the backward pass of a small convolution takes longer than all the rest."""

    @staticmethod
    def forward(ctx: Any, plane: Tensor) -> Tensor:
        across, down = _scharr(plane, -1), _scharr(plane, -2)
        magnitude = across.square().addcmul_(down, down).add_(TINY).sqrt_()
        ctx.save_for_backward(across, down, magnitude)
        return magnitude

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        across, down, magnitude = ctx.saved_tensors
        slope = slope / magnitude
        # With zeros beyond the border, the transpose of an antisymmetric filter is its negative.
        return -_scharr(slope * across, -1) - _scharr(slope * down, -2)


def _scharr(plane: Tensor, along: int) -> Tensor:
    """Differences along one side, smoothed along the other, of (N, 1, h, w)."""
    smooth = functional.pad(plane, (1, 1, 1, 1))
    height, width = plane.shape[-2:]
    size, other = (height, -2) if along == -1 else (width, -1)
    outer = smooth.narrow(other, 0, size) + smooth.narrow(other, 2, size)
    smooth = outer.mul_(3 / 16).add_(smooth.narrow(other, 1, size), alpha=10 / 16)
    size = width if along == -1 else height
    return smooth.narrow(along, 2, size) - smooth.narrow(along, 0, size)


def similarity(first: Tensor, second: Tensor, constant: float) -> Tensor:
    """(2xy + c) / (x² + y² + c), maps that broadcast: 1 where they agree."""
    return (2 * first * second + constant) / (first.square() + second.square() + constant)


def real_power(base: Tensor, exponent: float, floor: float) -> Tensor:
    """Real part of base^exponent, any shape: negative bases turn by π·exponent.

    |base| counts as `floor` or more, since the slope has no bound at 0.
    """
    with torch.no_grad():
        turned = 1 - (1 - cos(pi * exponent)) * base.clone().lt_(0)  # in the base's type: Booleans are slow
    result: Tensor = base.abs().clamp_min(floor).pow(exponent) * turned
    return result


def larger(first: Tensor, second: Tensor) -> Tensor:
    """Maximum of maps; where they are equal the slope is shared. Several times as fast backward as torch.maximum."""
    return (first + second + (first - second).abs()) / 2


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of (N, 1, h, w) under weights ≥ 0 of that shape → (N,); the plain mean where all weights are 0."""
    weights = weights + NO_WEIGHT
    return (values * weights).sum((1, 2, 3)) / weights.sum((1, 2, 3))
