"""Patch-based contrast quality index: Wang, Ma, Yeganeh, Wang, Lin, SPL 22(12), 2015, as in the authors' PCQI.m."""

from __future__ import annotations

from math import pi
from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import gray
from torch import Tensor, nn

from percept_pcqi.window import SIZE, local_mean

C = 3.0  # in squared grey levels
RANGE = 256.0  # grey levels over which a shift of the mean counts e-fold
MIDDLE = 127.5  # grey levels, subtracted first
TINY = 1e-16  # added below the root of the product of both variances


class Prepared(NamedTuple):
    """A reference (N, 3, H, W); in float64 its luminance about `MIDDLE` (N, 1, H, W), local means and variances."""

    images: Tensor
    values: Tensor
    mean: Tensor
    variance: Tensor


def pcqi(difference: Tensor, reference: Prepared) -> Tensor:
    """Difference from the reference (N, 1, H, W) in grey levels, float64 → (N,), in [0, 2], of the reference's dtype.

    With y = x + d, σxy = σx² + σxd and σy² = σx² + 2σxd + σd²: equal images have exactly equal moments. Moments are of
    float64, as float32 would leave noise for the variance of flat regions, which the other image's variance multiplies.
    The product of variances is shifted by 1e-16, so that its root has a slope at 0; that moves no score by 1e-8.
    """
    products = difference, reference.values * difference, difference.square()
    shift, cross, square = (local_mean(product) for product in products)
    covariance = cross - reference.mean * shift
    common = reference.variance + covariance
    variance = (common + covariance + square - shift.square()).clamp_min(0)
    parts = common + C, variance, reference.variance.clamp_min(0), shift
    common, variance, own, shift = (part.to(reference.images.dtype) for part in parts)
    contrast = (common / (own + C)).atan() * (4 / pi)
    structure = common / ((own * variance + TINY).sqrt() + C)
    score: Tensor = (contrast * structure * (-shift.abs() / RANGE).exp()).mean((1, 2, 3))
    return score


class PCQI(nn.Module):
    """Assessor and fidelity loss: PCQI, 1 for equal images, up to 2 for more contrast; the loss is 1 - PCQI.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 11 pixels a side.
    """

    def __init__(self, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its local means and variances."""
        check_images(reference, "PCQI", SIZE)
        values = self._values(reference)
        mean = local_mean(values)
        return Prepared(reference, values, mean, local_mean(values.square()) - mean.square())

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """PCQI, (N,), in [0, 2], higher is better."""
        check_pair(images, state.images, "PCQI", SIZE)
        return pcqi(self._values(images) - state.values, state)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - PCQI, (N,), in [-1, 1], lower is better."""
        return 1 - self.score(output, self.prepare(target))

    def _values(self, images: Tensor) -> Tensor:
        return 255 * gray(images, to_levels=self.rounded).double() - MIDDLE
