"""Curves of colour spaces, and maps stretched from 0 to 1, with their gradients by hand: half the passes of autograd.

Masks are 0 and 1 in the type of the maps: choosing by Booleans takes ten times as long as a product.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Curve(NamedTuple):
    """((x + offset) / (1 + offset))^exponent above the knee, and a line of that slope from there on down."""

    knee: float
    slope: float
    offset: float
    exponent: float


def curve(values: Tensor, of: Curve) -> Tensor:
    """Values of any shape and sign on the curve; differentiable once."""
    result: Tensor = _Curve.apply(values, of)
    return result


def stretch(maps: Tensor, least: float) -> Tensor:
    """Maps (N, C, h, w), each from 0 to 1; flat ones, whose range is far below `least`, become 0.

    Differentiable once, by the extremes too, which share their part of the slope where there are several.
    """
    result: Tensor = _Stretch.apply(maps, least)
    return result


class _Curve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, of: Curve) -> Tensor:
        power = values.clamp_min(of.knee)
        if of.offset:
            power.add_(of.offset).mul_(1 / (1 + of.offset))
        result = power.pow_(of.exponent).add_(values.clamp_max(of.knee).sub_(of.knee), alpha=of.slope)
        ctx.of = of
        ctx.save_for_backward(values, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:
        values, result = ctx.saved_tensors
        of = ctx.of
        above = values.clone().gt_(of.knee)
        power = (result * of.exponent).div_(values.clamp_min(of.knee).add_(of.offset))
        return power.sub_(of.slope).mul_(above).add_(of.slope).mul_(slopes), None


class _Stretch(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, least: float) -> Tensor:
        low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
        result = (maps - low).div_(high - low + least)
        ctx.save_for_backward(maps, low, high, result)
        ctx.least = least
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:
        maps, low, high, stretched = ctx.saved_tensors
        slopes = slopes / (high - low + ctx.least)
        by_high = -(slopes * stretched).sum((-2, -1), keepdim=True)
        by_low = -slopes.sum((-2, -1), keepdim=True) - by_high
        for extreme, slope in ((low, by_low), (high, by_high)):
            there = maps.clone().eq_(extreme)
            slopes.addcmul_(there, slope / there.sum((-2, -1), keepdim=True))
        return slopes, None
