"""Local means and variances under a Gaussian window, and the map that SSIM is the mean of."""

from __future__ import annotations

from typing import NamedTuple

import torch
from percept.primitives import separable
from torch import Tensor

C1, C2 = 0.01**2, 0.03**2
MIDDLE = 0.5


class Moments(NamedTuple):
    """Of the reference, at one scale: its planes (N, C, H, W), and maps of its local means and variances.

    values  the planes less `MIDDLE`
    mean    of these
    twice   2μ, of the planes themselves
    floor   2μ² + C1
    base    2σ² + C2
    """

    planes: Tensor
    values: Tensor
    mean: Tensor
    twice: Tensor
    floor: Tensor
    base: Tensor


def moments(planes: Tensor, window: Tensor) -> Moments:
    """(N, C, H, W) in [0, 1] → its moments; the maps are smaller by len(window) - 1 pixels a side.

    Around the middle of the range, squares are at most 1/4: float32 loses less to the difference E[x²] - E[x]².
    """
    values = planes - MIDDLE
    mean, square = separable(window, values, values.square())
    twice = 2 * mean + 2 * MIDDLE
    return Moments(planes, values, mean, twice, twice.square() / 2 + C1, 2 * (square - mean.square()) + C2)


def dissimilarity(planes: Tensor, reference: Moments, window: Tensor, *, luminance: bool) -> Tensor:
    """1 - SSIM, or without luminance 1 - contrast · structure: (N, C, h, w), TIP 2004, equations 6 to 13, C3 = C2/2.

    With d = x - y the two factors are 1 - μd² / (μx² + μy² + C1) and 1 - σd² / (σx² + σy² + C2): the same fractions,
    but exactly 1 for equal images, and without the cancellation of 2σxy against σx² + σy² for similar ones. The sums
    below are those of the reference alone, and what d adds: the fewest passes over maps, which memory bounds.
    """
    difference = planes - reference.planes
    mean, square, cross = separable(window, difference, difference.square(), difference * reference.values)
    mean_square = mean.square()
    variance = square - mean_square
    covariance = torch.addcmul(cross, mean, reference.mean, value=-1)
    structure = variance / (torch.add(reference.base, covariance, alpha=2) + variance)
    if not luminance:
        return structure
    brightness = mean_square / (torch.addcmul(reference.floor, mean, reference.twice) + mean_square)
    return torch.addcmul(brightness + structure, brightness, structure, value=-1)
