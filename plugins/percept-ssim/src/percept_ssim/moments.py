"""Local means and variances under a Gaussian window, and the two maps that SSIM is made of."""

from __future__ import annotations

from typing import NamedTuple

from percept.primitives import separable
from torch import Tensor

C1, C2 = 0.01**2, 0.03**2
MIDDLE = 0.5


class Moments(NamedTuple):
    """Of the reference, at one scale: its values less `MIDDLE` (N, C, H, W), their local means and variances."""

    values: Tensor
    mean: Tensor
    variance: Tensor


def moments(planes: Tensor, window: Tensor) -> Moments:
    """(N, C, H, W) in [0, 1] → its moments; the maps are smaller by len(window) - 1 pixels a side.

    Around the middle of the range, squares are at most 1/4: float32 loses less to the difference E[x²] - E[x]².
    """
    values = planes - MIDDLE
    mean, square = separable(window, values, values.square())
    return Moments(values, mean, square - mean.square())


def similarity(planes: Tensor, reference: Moments, window: Tensor) -> tuple[Tensor, Tensor]:
    """(luminance, contrast · structure), each (N, C, h, w): Wang et al., TIP 2004, equations 6 and 9 to 13, C3 = C2/2.

    With d = x - y these are 1 - μd² / (μx² + μy² + C1) and 1 - σd² / (σx² + σy² + C2): the same fractions, but
    exactly 1 for equal images, and without the cancellation of 2σxy against σx² + σy² for similar ones.
    """
    values = planes - MIDDLE
    difference = values - reference.values
    mean_d, square_d, square = separable(window, difference, difference.square(), values.square())
    mean = reference.mean + mean_d
    variance_d = square_d - mean_d.square()
    variances = square - mean.square() + reference.variance
    brightness = (mean + MIDDLE).square() + (reference.mean + MIDDLE).square()
    return 1 - mean_d.square() / (brightness + C1), 1 - variance_d / (variances + C2)
