"""Natural scene statistics, which NIQE, IL-NIQE and BRISQUE share: local contrast, and fits of its distribution.

Mittal, Moorthy, Bovik, "No-reference image quality assessment in the spatial domain", IEEE TIP 21(12), 2012, equations
1 to 3, 7 to 10, 15. Everything here is float64.
"""

from __future__ import annotations

from typing import Any

import torch
from percept.primitives import GRAY, mix
from torch import Tensor
from torch.nn import functional

from percept_niqe.asymmetric import FIRST_SHAPE, LAST_SHAPE, STEP, asymmetric_gaussian, shape_at

__all__ = [
    "SHIFTS",
    "asymmetric_gaussian",
    "gaussian_window",
    "gray_levels",
    "levels",
    "mean_over_width",
    "normalised",
    "shape_ratios",
    "symmetric_gaussian",
    "width",
    "windowed",
]

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
# Rounding leaves deviations of about 1e-13 on flat areas, whose signs would decide the scores of saturated images.
NOTHING = 1e-9


def gaussian_window(size: int = 7) -> Tensor:
    """(size,): the separable factor of the Gaussian window of standard deviation size/6, of sum 1."""
    weights = torch.exp(-torch.arange(-(size // 2), size // 2 + 1, dtype=torch.float64).square() / (size**2 / 18))
    return weights / weights.sum()


def shape_ratios() -> Tensor:
    """(9801,): Γ(2/a)² / (Γ(1/a) Γ(3/a)) for the shapes a = 0.2, 0.201, … 10; it increases with a."""
    count = round((LAST_SHAPE - FIRST_SHAPE) / STEP) + 1
    inverse = 1 / (FIRST_SHAPE + STEP * torch.arange(count, dtype=torch.float64))
    return torch.exp(2 * torch.lgamma(2 * inverse) - torch.lgamma(inverse) - torch.lgamma(3 * inverse))


def levels(images: Tensor) -> Tensor:
    """(N, C, H, W) in [0, 1] → whole numbers 0 … 255 in float64: the 8-bit images that the authors' code takes.

    The gradient passes through the rounding unchanged.
    """
    return _rounded(images * 255).double()


def gray_levels(images: Tensor, *, rounded: bool = True) -> Tensor:
    """(N, 3, H, W) in [0, 1] → (N, H, W) whole numbers 0 … 255 in float64, as MATLAB's rgb2gray of uint8 images.

    The gradient passes through the roundings unchanged; without `rounded` there are none, and no whole numbers.
    """
    if not rounded:
        return mix(images.double() * 255, [GRAY])[:, 0]
    return _rounded(mix(levels(images), [GRAY])[:, 0])


def normalised(gray: Tensor, window: Tensor, border: str = "replicate") -> tuple[Tensor, Tensor]:
    """(H, W) → contrast-normalised values (eq. 1) and local standard deviations (eq. 3), both (H, W).

    `border` is a mode of torch's `pad`: what the window finds beyond the edges. Gradients are finite; a value of 0 has
    none, and neither has a deviation of 0.
    """
    mean, square = windowed(torch.stack([gray, gray.square()]), window, border)
    variance = (square - mean.square()).abs_()
    deviation = _root(variance)
    return functional.hardshrink((gray - mean) / (deviation + 1), NOTHING), deviation


def windowed(planes: Tensor, window: Tensor, border: str) -> Tensor:
    """(K, H, W) under the separable `window`, of odd size: (K, H, W).

    Sums of shifted planes: in float64 several times as fast as a convolution.
    """
    reach, weights = len(window) // 2, window.tolist()
    values = functional.pad(planes[None], (reach,) * 4, mode=border)[0]
    for axis in (-2, -1):
        size = values.shape[axis] - 2 * reach
        total = values.narrow(axis, 0, size) * weights[0]
        for start, weight in enumerate(weights[1:], start=1):
            total.add_(values.narrow(axis, start, size), alpha=weight)
        values = total
    return values


def symmetric_gaussian(samples: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
    """(…, n) → shape and variance, each (…,), of the generalised Gaussian of equal moments (eq. 7 to 10).

    Samples that are all 0 have the shape 0.2.
    """
    variance = torch.linalg.vecdot(samples, samples) / samples.shape[-1]
    wanted = variance / samples.abs().mean(dim=-1).square()
    falling = 1 / ratios.flip(0)  # searchsorted wants it to increase
    from_last = torch.searchsorted((falling[1:] + falling[:-1]) / 2, wanted.contiguous())
    return shape_at(torch.where(wanted.isnan(), 0, len(ratios) - 1 - from_last)), variance


def width(shape: Tensor) -> Tensor:
    """√(Γ(1/a) / Γ(3/a)) of shapes a: the scale of a generalised Gaussian of standard deviation 1."""
    return torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)


def mean_over_width(shape: Tensor) -> Tensor:
    """Γ(2/a) / Γ(1/a) of shapes a: the mean of one side's distances from 0, in its scales (eq. 15)."""
    return torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))


def _rounded(values: Tensor) -> Tensor:
    return _Rounded.apply(values) if values.requires_grad else values.round()


def _root(values: Tensor) -> Tensor:
    return _Root.apply(values) if values.requires_grad else values.sqrt_()


class _Rounded(torch.autograd.Function):
    """Whole numbers, whose gradient passes through unchanged."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        return values.round()

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _Root(torch.autograd.Function):
    """Roots, whose slope at 0 is 0: what a deviation, as any norm, may have there."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        root = values.sqrt()
        ctx.save_for_backward(root)
        return root

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (root,) = ctx.saved_tensors
        return torch.where(root > 0, gradients[0] / (2 * root), 0)
