"""Most apparent distortion: Larson & Chandler, JEI 19(1), 011006, 2010, as in the authors' MAD_index.m of 2011."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import gray
from torch import Tensor, nn

from percept_mad.appearance import appearance, statistics
from percept_mad.detection import Masking, detection, luminance, masking
from percept_mad.grid import MIN_SIZE, mean

B1, B2 = exp(-2.55 / 3.35), 1 / (log(10) * 3.35)  # of the blend
SCALE = 200.0  # of the detection index
TINY = 1e-20  # added below roots of mean squares
LITTLE = 1e-12  # added to both indices below the blend's powers


class Prepared(NamedTuple):
    """A reference (N, 3, H, W): its grey levels, what errors it hides, and its log-Gabor statistics."""

    reference: Tensor
    levels: Tensor
    masking: Masking
    statistics: Tensor


def blend(detected: Tensor, changed: Tensor) -> Tensor:
    """Detection and appearance index, any shape, ≥ 0 → MAD: their geometric mean, weighted by the former's logistic.

    Detection decides while it is small: nothing detected is 0. Both are shifted by 1e-12 where powers are taken.
    """
    detected_, changed_ = detected + LITTLE, changed + LITTLE
    weight = 1 / (1 + B1 * detected_**B2)
    return detected * (changed_ / detected_) ** (1 - weight)


class MAD(nn.Module):
    """Assessor and fidelity loss, lower is better in both lives: 0 where no error is seen, some 200 for bad images.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient. As
             in the authors' table of 8-bit luminance, white then counts as level 254 in the detection index

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 34 pixels a side.
    """

    def __init__(self, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with all that is computed of it alone."""
        check_images(reference, "MAD", MIN_SIZE)
        levels = self._levels(reference)
        return Prepared(reference, levels, masking(self._luminance(levels)), statistics(levels))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """MAD, (N,)."""
        detected, changed = self.indices(images, state)
        return blend(detected, changed)

    def indices(self, images: Tensor, state: Prepared) -> tuple[Tensor, Tensor]:
        """Detection and appearance index, (N,) each, ≥ 0: what the authors call HI and LO."""
        check_pair(images, state.reference, "MAD", MIN_SIZE)
        levels = self._levels(images)
        detected = detection(levels - state.levels, self._luminance(levels), state.masking)
        changed = mean(appearance(statistics(levels), state.statistics).square(), *images.shape[-2:])
        return SCALE * _root(detected), _root(changed)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """MAD, (N,)."""
        return self.score(output, self.prepare(target))

    def _levels(self, images: Tensor) -> Tensor:
        return 255 * gray(images, to_levels=self.rounded)

    def _luminance(self, levels: Tensor) -> Tensor:
        return luminance(levels.clamp_max(254) if self.rounded else levels)


def _root(mean_square: Tensor) -> Tensor:
    return mean_square / ((mean_square + TINY).sqrt() + sqrt(TINY))
