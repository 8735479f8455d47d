"""The fit of asymmetric generalised Gaussians by a table of shapes, and its gradient.

Lasmar, Stitou, Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009, as in NIQE and
BRISQUE: equations 11 to 14 of Mittal, Moorthy, Bovik, IEEE TIP 21(12), 2012. Everything here is float64.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

FIRST_SHAPE, LAST_SHAPE, STEP = 0.2, 10.0, 0.001


def asymmetric_gaussian(samples: Tensor, ratios: Tensor, *, rounded: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """(…, n) → shape, left and right deviation, each (…,), of the asymmetric generalised Gaussian of equal moments.

    A deviation is the root mean square of the samples on its side. Without a negative or without a positive one, that
    of this side is NaN, and the shape 0.2, as in the authors' code. The shape is the nearest in the table `ratios` or,
    without `rounded`, interpolated.

    Its gradient is the interpolated one's in both cases, which is that of the implicit function; beyond the table it is
    0. How many samples are negative or positive counts as given. What is NaN has no gradient, whatever it is asked for.
    """
    if samples.requires_grad:
        return _Fit.apply(samples, ratios, rounded)  # type: ignore[no-any-return]  # torch's has no types
    left, right, wanted = _moments(samples)[:3]
    return _shape(wanted, ratios, rounded), left, right


def shape_at(index: Tensor) -> Tensor:
    """Places in the table, any shape → the shapes there, float64."""
    return FIRST_SHAPE + STEP * index.double()  # whole numbers times a float would be float32


def _moments(samples: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Left and right deviation, the ratio whose shape is wanted; sums of lengths, of squares left and right."""
    sides = samples.clamp(max=0), samples.clamp(min=0)
    sums = [side.sum(dim=-1) for side in sides]
    squares = [torch.linalg.vecdot(side, side) for side in sides]
    counts = [side.sign().sum(dim=-1).abs() for side in sides]
    left, right = ((s / count).sqrt() for s, count in zip(squares, counts, strict=True))
    skew = left / right
    length = sums[1] - sums[0]
    ratio = length.square() / (samples.shape[-1] * (squares[0] + squares[1]))
    wanted = ratio * (skew**3 + 1) * (skew + 1) / (skew.square() + 1).square()
    return left, right, wanted, length, *squares


def _shape(wanted: Tensor, ratios: Tensor, rounded: bool) -> Tensor:
    if rounded:
        nearest = torch.searchsorted((ratios[1:] + ratios[:-1]) / 2, wanted.contiguous())
        return shape_at(torch.where(wanted.isnan(), 0, nearest))
    below, step = _interval(wanted, ratios)
    place = below + ((wanted - ratios[below]) / step).clamp(0, 1)
    return shape_at(torch.where(wanted.isnan(), 0, place))


def _interval(wanted: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
    """Which entry of the table is the last below each ratio, and how much more the next one is."""
    below = torch.searchsorted(ratios[1:-1], wanted.contiguous())
    return below, ratios[below + 1] - ratios[below]


class _Fit(torch.autograd.Function):
    """Six numbers of each row of samples are all that its gradient needs: one pass instead of autograd's dozen."""

    @staticmethod
    def forward(ctx: Any, samples: Tensor, ratios: Tensor, rounded: bool) -> tuple[Tensor, Tensor, Tensor]:
        moments = _moments(samples)
        ctx.save_for_backward(samples, ratios, *moments)
        left, right, wanted = moments[:3]
        return _shape(wanted, ratios, rounded), left, right

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_shape: Tensor, to_left: Tensor, to_right: Tensor) -> tuple[Tensor, None, None]:
        samples, ratios, left, right, wanted, length, left_square, right_square = ctx.saved_tensors
        inside = (wanted > ratios[0]) & (wanted < ratios[-1])
        # By relative changes: of the ratio, and through it of the skew s, d log((s³ + 1)(s + 1) / (s² + 1)²) / d log s.
        by_ratio = torch.where(inside, to_shape * wanted * STEP / _interval(wanted, ratios)[1], 0)
        skew = left / right
        tilt = 3 - 3 / (skew**3 + 1) + 1 - 1 / (skew + 1) - 4 + 4 / (skew.square() + 1)
        by_skew = torch.where(inside, by_ratio * tilt, 0)
        push, pull = 2 * by_ratio / length, 2 * by_ratio / (left_square + right_square)
        on_left = (to_left * left + by_skew) / left_square - pull
        on_right = (to_right * right - by_skew) / right_square - pull
        push, on_left, on_right = (torch.nan_to_num(factor, nan=0.0)[..., None] for factor in (push, on_left, on_right))
        found = torch.where(samples < 0, on_left, on_right).mul_(samples).addcmul_(samples.sign(), push)
        return found, None, None
