"""Structural fidelity and statistical naturalness, with the values of the authors' code.

Zhou, Wang, Chen, "Image super-resolution quality assessment: structural fidelity versus statistical naturalness",
QoMEX 2021. Fidelity is MS-SSIM of the images' low frequencies, with the structure term alone at the coarsest scale;
naturalness is the entropy of the candidate's high frequencies, in bits.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi
from typing import Literal, NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.primitives import gaussian, gray, halve, safe_sqrt, separable
from percept.primitives import rounded as to_levels
from percept_degradations.imresize import imresize
from torch import Tensor, nn

Scales = Literal["five", "fit"]

FIDELITY, NATURALNESS = 1.9, 0.1  # 1 + .9 and 1 - .9: the authors' weights
BEST = FIDELITY + NATURALNESS * 8  # 256 levels have at most 8 bits
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first, as in MS-SSIM
C2 = 0.03**2
MIDDLE = 0.5
FLOOR = 1e-4  # mean of a scale below which powers have no usable slope
WINDOW = 11
LEVELS = 256
TINY = 1e-12  # probability that keeps the slope of x·log x finite at 0
MINUTE = 1e-18  # squared variance that keeps the slope of the root finite at 0


class Moments(NamedTuple):
    """Of a reference's low frequencies (N, 1, h, w) less 1/2, and under each window: mean and variance."""

    values: Tensor
    mean: Tensor
    variance: Tensor


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and the moments of its low frequencies (N, 1, s, s) at each scale, finest first."""

    reference: Tensor
    scales: tuple[Moments, ...]


def sfsn(low: Tensor, high: Tensor, reference: tuple[Moments, ...], window: Tensor) -> Tensor:
    """Low and high frequencies (N, 1, s, s) in [0, 1] against a reference's → (N,) in [0, 2.7]."""
    return FIDELITY * fidelity(low, reference, window) + NATURALNESS * entropy(255 * high)


def fidelity(low: Tensor, reference: tuple[Moments, ...], window: Tensor) -> Tensor:
    """Low frequencies (N, 1, s, s) in [0, 1] → (N,) in [0, 1], 1 for equal ones: their modified MS-SSIM."""
    means = []
    for scale, known in enumerate(reference, start=1):
        last = scale == len(reference)
        means.append(_similarity(low - MIDDLE, known, window, structure=last).mean((1, 2, 3)))
        low = low if last else halve(low)
    total = 1.0 if len(means) == len(WEIGHTS) else sum(WEIGHTS[: len(means)])
    powers = [_positive(mean) ** (weight / total) for mean, weight in zip(means, WEIGHTS, strict=False)]
    return torch.stack(powers).prod(0)


def entropy(levels: Tensor) -> Tensor:
    """(N, 1, s, s) grey levels, clamped to 0…255 → (N,) bits: the entropy of their histogram, as MATLAB's `entropy`.

    A value between two levels counts for both, by how near it is, so that the entropy has a slope.
    """
    values = levels.flatten(1).clamp(0, LEVELS - 1)
    below = values.detach().floor().clamp_max(LEVELS - 2).long()
    share = (values - below).double()
    histogram = share.new_zeros(len(values), LEVELS).scatter_add(1, below, 1 - share)
    probabilities = histogram.scatter_add(1, below + 1, share) / values.shape[1]
    return -(probabilities * (probabilities + TINY).log2()).sum(1).to(levels)


def split(luminance: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 1, H, W) → low and high frequencies (N, 1, s, s), s = min(H, W), which sum to the resized luminance.

    Low are the cosines (i, j), counted from 0, with i + j < s - 1 - round(s / 2).
    """
    side = min(luminance.shape[-2:])
    square = luminance if luminance.shape[-2:] == (side, side) else imresize(luminance, 1, (side, side))
    cosines, kept = _cosines(side, square.dtype, str(square.device))
    low = cosines.mT @ (kept * (cosines @ square @ cosines.mT)) @ cosines
    return low, square - low


@lru_cache(maxsize=8)
def _cosines(side: int, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    """The rows of the orthonormal cosine transform that low frequencies need, and which of their products to keep."""
    count = side - 1 - (side + 1) // 2
    order = torch.arange(count, dtype=torch.float64)
    angles = order.view(-1, 1) * (torch.arange(side, dtype=torch.float64) + 0.5) * (pi / side)
    rows = angles.cos() * (2 / side) ** 0.5
    rows[:1] /= 2**0.5
    kept = order.view(-1, 1) + order < count
    with torch.inference_mode(False):  # or tables first made without gradients could never be used with them
        return rows.clone().to(device, dtype), kept.clone().to(device, dtype)


def _moments(low: Tensor, window: Tensor) -> Moments:
    values = low - MIDDLE
    mean, square = separable(window, values, values.square())
    return Moments(values, mean, (square - mean.square()).relu())


def _similarity(values: Tensor, reference: Moments, window: Tensor, structure: bool) -> Tensor:
    """1 - σ²(x-y) / (σx² + σy² + C2): contrast and structure; or the `structure` alone: (σxy + C2) / (σx σy + C2)."""
    difference = values - reference.values
    maps = separable(window, difference, difference.square(), difference * reference.values)
    mean, square, product = maps
    residual = (square - mean.square()).relu()
    shared = product - mean * reference.mean
    variance = (reference.variance + 2 * shared + residual).relu()
    if not structure:
        return 1 - residual / (variance + reference.variance + C2)
    return (reference.variance + shared + C2) / (safe_sqrt(variance * reference.variance, MINUTE) + C2)


def _positive(means: Tensor) -> Tensor:
    """Means (N,) as they are, and below `FLOOR` continued with equal slope towards 0: powers need that, and slopes."""
    return torch.where(means > FLOOR, means, FLOOR**2 / (2 * FLOOR - means.clamp_max(FLOOR)))


class SFSN(nn.Module):
    """Assessor and fidelity loss: 1.9·fidelity + 0.1·naturalness, higher is better; the loss is 2.7 less that.

    rounded  round luminance, low and high frequencies to 256 levels, as the authors' code does; the gradient passes
             through unchanged. Without it, nothing is rounded, and low frequencies may leave [0, 1]
    scales   `five`, from 176 pixels a side, as the authors' code; `fit`: as many of the five, finest first, as the
             image holds, their weights divided by their sum, so that training patches may be small: 3 for 64 pixels

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or smaller images.
    """

    window: Tensor

    def __init__(self, rounded: bool = False, scales: Scales = "five") -> None:
        super().__init__()
        self.rounded = rounded
        self.min_size = WINDOW if scales == "fit" else WINDOW << 4
        self.register_buffer("window", gaussian(WINDOW, 1.5), persistent=False)

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with the moments of its low frequencies at each scale."""
        check_images(reference, "SFSN", self.min_size)
        pyramid = [self._split(reference)[0]]
        while len(pyramid) < len(WEIGHTS) and WINDOW << len(pyramid) <= min(reference.shape[-2:]):
            pyramid.append(halve(pyramid[-1]))
        return Prepared(reference, tuple(_moments(low, self.window) for low in pyramid))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """1.9·fidelity + 0.1·naturalness, (N,), in [0, 2.7], higher is better."""
        check_pair(images, state.reference, "SFSN", self.min_size)
        return sfsn(*self._split(images), state.scales, self.window)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """2.7 less the score, (N,), in [0, 2.7], lower is better."""
        return BEST - self.score(output, self.prepare(target))

    def _split(self, images: Tensor) -> tuple[Tensor, Tensor]:
        low, high = split(gray(images, to_levels=self.rounded))
        if not self.rounded:
            return low, high
        return to_levels(low).clamp(0, 1), to_levels(high).clamp(0, 1)
