"""Gradient magnitude similarity deviation: Xue, Zhang, Mou, Bovik, TIP 23(2), 2014, equations 1 to 6."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import GRAY
from torch import Tensor, nn

from percept_gmsd.gradients import dissimilarity, halve, luminance, magnitude, variance

MIN_SIZE = 6  # smaller ones have no pixel whose gradient the border leaves alone
TINY = 1e-16  # added to the variance below the root of the deviation


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and thrice its gradient magnitude (N, 1, ⌈H/2⌉, ⌈W/2⌉), grey levels a pixel."""

    reference: Tensor
    magnitude: Tensor


def gmsd(magnitude: Tensor, reference: Tensor) -> Tensor:
    """Maps 3|∇| (N, 1, h, w), those of the reference (N or 1, 1, h, w) → (N,), 0 for equal ones, ≥ 0.

    The deviation of 1 - similarity is that of the similarity. The variance is shifted by 1e-16, so that the root's
    slope is finite at 0: the result is too small by at most 1e-8.
    """
    return (variance(dissimilarity(magnitude, reference), correction=1) + TINY).sqrt() - sqrt(TINY)


class GMSD(nn.Module):
    """Assessor and fidelity loss, lower is better in both lives: 0 for equal images, seldom above .4.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 6 pixels a side.
    """

    def __init__(self, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its gradient magnitude."""
        check_images(reference, "GMSD", MIN_SIZE)
        return Prepared(reference, self._magnitude(reference))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """GMSD, (N,)."""
        check_pair(images, state.reference, "GMSD", MIN_SIZE)
        return gmsd(self._magnitude(images), state.magnitude)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """GMSD, (N,)."""
        return self.score(output, self.prepare(target))

    def _magnitude(self, images: Tensor) -> Tensor:
        return magnitude(halve(luminance(images, GRAY, to_levels=self.rounded)))
