"""Appearance: how the statistics of log-Gabor magnitudes change. Larson & Chandler, JEI 19(1), 2010, section 3.2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from percept_mad.filters import ORIENTATIONS, SCALES, log_gabor
from percept_mad.grid import SPAN, covered
from percept_mad.moments import CELL, Moments, blocks, cells

WEIGHTS = (0.5, 0.75, 1.0, 5.0, 6.0)  # of the scales, finest first, before they are divided by their sum
BLOCK = (SPAN * CELL) ** 2  # pixels
TINY = 1e-20  # squared grey levels, added to a squared magnitude
FLAT = 1e-16  # squared grey levels, added to a variance
AT_ONCE = 2**18  # pixels that are filtered together: more would leave a core's cache


def statistics(levels: Tensor) -> Tensor:
    """Grey levels (N, 1, H, W) → (N, 3, 20, h, w): deviation, twice the skewness, and kurtosis of each block.

    Filters are in order of scale, and what belongs to a scale is multiplied by its weight.
    """
    moments = blocks(Moments(*Magnitudes.apply(levels)), SPAN)
    variance = moments.second / BLOCK + FLAT
    weights = levels.new_tensor(WEIGHTS).repeat_interleave(ORIENTATIONS).view(-1, 1, 1) / sum(WEIGHTS)
    deviation = (moments.second / (BLOCK - 1) + FLAT).sqrt() * weights
    skewness = moments.third / (variance * variance.sqrt()) * (weights * (2 / BLOCK))
    kurtosis = moments.fourth / variance.square() * (weights / BLOCK)
    return torch.stack((deviation, skewness, kurtosis), 1)


def appearance(statistics: Tensor, reference: Tensor) -> Tensor:
    """Statistics of images and of their references, (N or 1, 3, 20, h, w) → map (N, h, w), ≥ 0."""
    return (statistics - reference).abs().sum((1, 2))


class Magnitudes(torch.autograd.Function):
    """Grey levels (N, 1, H, W) → moments, each (N, 20, h, w), of log-Gabor magnitudes in cells of 4×4 pixels.

    Its gradient by hand: that of a cell's moments is a cubic polynomial of the deviation from the cell's mean, and all
    filters share one transform back.
    """

    @staticmethod
    def forward(ctx: Any, levels: Tensor) -> tuple[Tensor, ...]:
        height, width = levels.shape[-2:]
        spectrum = torch.fft.rfft2(levels - levels.mean((-2, -1), keepdim=True))  # no filter lets the mean through
        turned = spectrum * -1j
        parts, planes = [], []
        for _, even, odd in _filters(levels):
            pair = [
                torch.fft.irfft2(response, s=(height, width))[..., covered(height), covered(width)]
                for response in (spectrum * even, turned * odd)
            ]
            parts.append(cells(_magnitude(*pair)))
            planes += pair if ctx.needs_input_grad[0] else []
        moments = Moments(*(torch.cat(part, 1) for part in zip(*parts, strict=True)))
        ctx.save_for_backward(levels, *moments[:3], *planes)
        return tuple(moments)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        levels, mean, second, third, *planes = ctx.saved_tensors
        height, width = levels.shape[-2:]
        constant = (gradients[0] - 3 * gradients[2] * second - 4 * gradients[3] * third) / CELL**2
        cubic = (mean, constant, 2 * gradients[1], 3 * gradients[2], 4 * gradients[3])
        spectrum: Tensor | float = 0.0
        for number, (which, even, odd) in enumerate(_filters(levels)):
            pair = planes[2 * number : 2 * number + 2]
            magnitude = _magnitude(*pair)
            slope = _cubic(magnitude, *(part[:, which] for part in cubic)) / magnitude
            full = levels.new_zeros(2, *slope.shape[:2], height, width)
            for into, plane in zip(full, pair, strict=True):
                torch.mul(slope, plane, out=into[..., covered(height), covered(width)])
            real, imaginary = torch.fft.rfft2(full)
            spectrum = spectrum + (real * even + imaginary * (1j * odd)).sum(1, keepdim=True)
        gradient: Tensor = torch.fft.irfft2(spectrum, s=(height, width))
        return gradient


def _filters(levels: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """The bank, a few filters at a time: which they are, their even and odd parts, each (k, H, W // 2 + 1)."""
    bank = log_gabor(*levels.shape[-2:], levels.dtype, levels.device)
    step = min(ORIENTATIONS, max(1, AT_ONCE // levels.numel()))
    for scale in range(SCALES):
        for first in range(0, ORIENTATIONS, step):
            orientations = slice(first, min(first + step, ORIENTATIONS))
            before = scale * ORIENTATIONS
            yield slice(before + orientations.start, before + orientations.stop), *bank.filters(scale, orientations)


def _magnitude(even: Tensor, odd: Tensor) -> Tensor:
    return torch.addcmul(even.new_tensor(TINY), even, even).addcmul_(odd, odd).sqrt_()


def _cubic(values: Tensor, mean: Tensor, *coefficients: Tensor) -> Tensor:
    """Values (..., 4h, 4w) → polynomial of their deviation from the mean of their cell, with that cell's coefficients.

    `mean` and the coefficients, lowest first, are (..., h, w).
    """
    rows = values.view(*values.shape[:-2], -1, CELL, values.shape[-1])
    wide = [part.repeat_interleave(CELL, -1).unsqueeze(-2) for part in (mean, *coefficients)]
    deviation = rows - wide[0]
    result = deviation * wide[-1]
    for coefficient in wide[-2:1:-1]:
        result.add_(coefficient).mul_(deviation)
    return result.add_(wide[1]).view(values.shape)
