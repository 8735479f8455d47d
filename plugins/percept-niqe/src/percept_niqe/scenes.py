"""Natural scene statistics, which NIQE, IL-NIQE and BRISQUE share: local contrast, and fits of its distribution.

Mittal, Moorthy, Bovik, "No-reference image quality assessment in the spatial domain", IEEE TIP 21(12), 2012, equations
1 to 3 and 7 to 15. Everything here is float64.
"""

from __future__ import annotations

import torch
from percept.primitives import GRAY, mix
from torch import Tensor
from torch.nn import functional

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
# Rounding leaves deviations of about 1e-13 on flat areas, whose signs would decide the scores of saturated images.
NOTHING = 1e-9

_FIRST_SHAPE, _LAST_SHAPE, _STEP = 0.2, 10.0, 0.001


def gaussian_window(size: int = 7) -> Tensor:
    """(size,): the separable factor of the Gaussian window of standard deviation size/6, of sum 1."""
    weights = torch.exp(-torch.arange(-(size // 2), size // 2 + 1, dtype=torch.float64).square() / (size**2 / 18))
    return weights / weights.sum()


def shape_ratios() -> Tensor:
    """(9801,): Γ(2/a)² / (Γ(1/a) Γ(3/a)) for the shapes a = 0.2, 0.201, … 10; it increases with a."""
    count = round((_LAST_SHAPE - _FIRST_SHAPE) / _STEP) + 1
    inverse = 1 / (_FIRST_SHAPE + _STEP * torch.arange(count, dtype=torch.float64))
    return torch.exp(2 * torch.lgamma(2 * inverse) - torch.lgamma(inverse) - torch.lgamma(3 * inverse))


def levels(images: Tensor) -> Tensor:
    """(N, C, H, W) in [0, 1] → whole numbers 0 … 255 in float64: the 8-bit images that the authors' code takes."""
    return (images * 255).round().double()


def gray_levels(images: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] → (N, H, W) whole numbers 0 … 255 in float64, as MATLAB's rgb2gray of uint8 images."""
    return mix(levels(images), [GRAY])[:, 0].round()


def normalised(gray: Tensor, window: Tensor, border: str = "replicate") -> tuple[Tensor, Tensor]:
    """(H, W) → contrast-normalised values (eq. 1) and local standard deviations (eq. 3), both (H, W).

    `border` is a mode of torch's `pad`: what the window finds beyond the edges.
    """
    mean, square = windowed(torch.stack([gray, gray.square()]), window, border)
    deviation = (square - mean.square()).abs_().sqrt_()
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


def asymmetric_gaussian(samples: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(…, n) → shape, left and right deviation, each (…,), of the asymmetric generalised Gaussian of equal moments.

    Equations 11 to 14; the fit is Lasmar, Stitou, Berthoumieu's (ICIP 2009). A deviation is the root mean square of the
    samples on its side. Without a negative or without a positive one, that of this side is NaN, and the shape 0.2, as
    in the authors' code.
    """
    sides = samples.clamp(max=0), samples.clamp(min=0)
    sums = [side.sum(dim=-1) for side in sides]
    squares = [torch.linalg.vecdot(side, side) for side in sides]
    counts = [side.sign().sum(dim=-1).abs() for side in sides]
    left, right = ((s / count).sqrt() for s, count in zip(squares, counts, strict=True))
    skew = left / right
    ratio = (sums[1] - sums[0]).square() / (samples.shape[-1] * (squares[0] + squares[1]))
    wanted = ratio * (skew**3 + 1) * (skew + 1) / (skew.square() + 1).square()
    nearest = torch.searchsorted((ratios[1:] + ratios[:-1]) / 2, wanted.contiguous())
    return _shape_at(torch.where(wanted.isnan(), 0, nearest)), left, right


def symmetric_gaussian(samples: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
    """(…, n) → shape and variance, each (…,), of the generalised Gaussian of equal moments (eq. 7 to 10).

    Samples that are all 0 have the shape 0.2.
    """
    variance = torch.linalg.vecdot(samples, samples) / samples.shape[-1]
    wanted = variance / samples.abs().mean(dim=-1).square()
    falling = 1 / ratios.flip(0)  # searchsorted wants it to increase
    from_last = torch.searchsorted((falling[1:] + falling[:-1]) / 2, wanted.contiguous())
    return _shape_at(torch.where(wanted.isnan(), 0, len(ratios) - 1 - from_last)), variance


def width(shape: Tensor) -> Tensor:
    """√(Γ(1/a) / Γ(3/a)) of shapes a: the scale of a generalised Gaussian of standard deviation 1."""
    return torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)


def mean_over_width(shape: Tensor) -> Tensor:
    """Γ(2/a) / Γ(1/a) of shapes a: the mean of one side's distances from 0, in its scales (eq. 15)."""
    return torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))


def _shape_at(index: Tensor) -> Tensor:
    return _FIRST_SHAPE + _STEP * index.double()  # whole numbers times a float would be float32
