"""The mean over pixels of what SSIM misses of one pair, and its gradient in the same go, for losses.

Autograd keeps some twenty maps, and fetches each of them from memory several times. The gradient of a mean is known, up
to a factor, as soon as the mean is: it is formed while the maps of a plane are still in the cache, and is all that is
kept. Of a reference that is compared once, the means alone are smoothed: its squares go with those of the candidate.
"""

from __future__ import annotations

from typing import Any

import torch
from percept.primitives import separable, spread
from torch import Tensor

from percept_ssim.moments import C1, C2, MIDDLE, dissimilarity, moments

FEW = 1 << 16  # values: so many planes at a time


def mean_of_pair(planes: Tensor, reference: Tensor, window: Tensor, *, luminance: bool) -> Tensor:
    """The mean of `dissimilarity` over pixels: (N, C, H, W) and its reference of the same shape → (N, C).

    One of the two may be of N and the other of 1. Differentiable any number of times; a gradient for the reference,
    and other devices than a CPU, go by autograd.
    """
    if planes.device.type != "cpu" or (torch.is_grad_enabled() and reference.requires_grad):
        return _by_autograd(planes, reference, window, luminance)
    count = max(len(planes), len(reference))
    planes, reference = (values.expand(count, -1, -1, -1) for values in (planes, reference))
    return _Mean.apply(planes, reference, window, luminance, torch.is_grad_enabled())  # type: ignore[no-any-return]  # torch's


def _by_autograd(planes: Tensor, reference: Tensor, window: Tensor, luminance: bool) -> Tensor:
    return dissimilarity(planes, moments(reference, window, luminance=luminance), window).mean((-2, -1))


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor, reference: Tensor, window: Tensor, luminance: bool, tracked: bool) -> Tensor:
        pair = [values.reshape(-1, *values.shape[-2:]) for values in (planes, reference)]
        slope = torch.empty_like(pair[0]) if tracked and planes.requires_grad else None
        few = max(1, FEW // pair[0][0].numel())
        parts = [slice(start, start + few) for start in range(0, len(pair[0]), few)]
        means = [
            _mean(pair[0][None, part], pair[1][None, part], window, luminance, None if slope is None else slope[part])
            for part in parts
        ]
        ctx.luminance = luminance
        ctx.save_for_backward(planes, reference, window, slope)
        return torch.cat(means).view(planes.shape[:2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        planes, reference, window, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of this gradient is wanted, and `slope` is a constant
            means = _by_autograd(planes, reference, window, ctx.luminance)
            (result,) = torch.autograd.grad(means, planes, gradients[0], create_graph=True)
        else:
            result = slope.view_as(planes) * gradients[0][..., None, None]
        return result, None, None, None, None


def _mean(planes: Tensor, reference: Tensor, window: Tensor, luminance: bool, slope: Tensor | None) -> Tensor:
    """(1, P, H, W) and its reference → (P,); the derivatives by `planes` are written to `slope`, (P, H, W).

    With d = x - y, y the reference: s = σd² / (σx² + σy² + C2), and σx² + σy² = E[x² + y²] - μx² - μy².
    """
    difference, x, y = planes - reference, planes - MIDDLE, reference - MIDDLE
    maps = difference, y, difference.square(), torch.addcmul(x.square(), y, y)
    gap, mean_y, square, both = separable(window, *maps)
    mean_x, gap_square = gap + mean_y, gap.square()
    total = both.addcmul_(mean_y, mean_y, value=-1).addcmul_(mean_x, mean_x, value=-1).add_(C2)
    structure = square.sub_(gap_square).div_(total)
    missing, by_gap = structure, None
    if luminance:
        mean = mean_x + MIDDLE
        bright = mean_y.add_(MIDDLE).square_().addcmul_(mean, mean).add_(C1)
        brightness = gap_square.div_(bright)
        missing = torch.addcmul(brightness + structure, brightness, structure, value=-1)
        if slope is not None:  # b = μd² / (μx² + μy² + C1) has the derivative 2(μd - b·μx) / (…) by μd
            by_gap = mean.mul_(brightness).neg_().add_(gap).div_(bright).mul_(1 - structure)
            total /= 1 - brightness
    if slope is not None:
        # s has the derivatives 1 / total by E[d²], -s / total by E[x² + y²], 2(s·μx - μd) / total by μd.
        by_square = total.reciprocal_()
        by_both = structure * by_square
        through = torch.addcmul(by_both * mean_x, gap, by_square, value=-1)
        by_gap = through if by_gap is None else by_gap.add_(through)
        _write_slope(slope, difference, x, spread(window, by_gap, by_square, by_both), 2 / gap[0, 0].numel())
    return missing.mean((-2, -1))[0]


def _write_slope(slope: Tensor, difference: Tensor, x: Tensor, spreads: tuple[Tensor, ...], scale: float) -> None:
    """The derivatives by half of E[d], by E[d²] and, negated, by E[x² + y²], passed on to x."""
    by_gap, by_square, by_both = (values[0] for values in spreads)
    torch.addcmul(by_gap, difference[0], by_square, out=slope)
    slope.addcmul_(x[0], by_both, value=-1).mul_(scale)
