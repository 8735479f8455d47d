"""Local means and variances under a Gaussian window, and the two maps that SSIM is made of."""

from __future__ import annotations

from typing import NamedTuple

import torch
from percept.errors import ComponentError
from torch import Tensor
from torch.nn import functional

C1, C2 = 0.01**2, 0.03**2
MIDDLE = 0.5


class Moments(NamedTuple):
    """Of the reference, at one scale: its values less `MIDDLE` (N, C, H, W), their local means and variances."""

    values: Tensor
    mean: Tensor
    variance: Tensor


def gaussian(size: int, sigma: float) -> Tensor:
    """(size,) float32: samples of a Gaussian of standard deviation `sigma` pixels, sum 1.

    Raises ComponentError unless both are positive.
    """
    if size < 1 or sigma <= 0:
        raise ComponentError(f"a window of {size} pixels and sigma {sigma}: give both positive values, as 11 and 1.5")
    distance = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    window = (-distance.square() / (2 * sigma**2)).exp()
    return (window / window.sum()).float()


def moments(planes: Tensor, window: Tensor) -> Moments:
    """(N, C, H, W) in [0, 1] → its moments; the maps are smaller by len(window) - 1 pixels a side.

    Around the middle of the range, squares are at most 1/4: float32 loses less to the difference E[x²] - E[x]².
    """
    values = planes - MIDDLE
    mean, square = _smooth(window, values, values.square())
    return Moments(values, mean, square - mean.square())


def similarity(planes: Tensor, reference: Moments, window: Tensor) -> tuple[Tensor, Tensor]:
    """(luminance, contrast · structure), each (N, C, h, w): Wang et al., TIP 2004, equations 6 and 9 to 13, C3 = C2/2.

    With d = x - y these are 1 - μd² / (μx² + μy² + C1) and 1 - σd² / (σx² + σy² + C2): the same fractions, but
    exactly 1 for equal images, and without the cancellation of 2σxy against σx² + σy² for similar ones.
    """
    values = planes - MIDDLE
    difference = values - reference.values
    mean_d, square_d, square = _smooth(window, difference, difference.square(), values.square())
    mean = reference.mean + mean_d
    variance_d = square_d - mean_d.square()
    variances = square - mean.square() + reference.variance
    brightness = (mean + MIDDLE).square() + (reference.mean + MIDDLE).square()
    return 1 - mean_d.square() / (brightness + C1), 1 - variance_d / (variances + C2)


def _smooth(window: Tensor, *maps: Tensor) -> tuple[Tensor, ...]:
    """The maps under the separable window, valid positions only: one depthwise convolution a direction for all."""
    stacked = torch.cat(maps, dim=1).contiguous(memory_format=torch.channels_last)
    groups = stacked.shape[1]
    rows = window.to(stacked).view(1, 1, 1, -1).expand(groups, 1, 1, -1)
    across = functional.conv2d(stacked, rows, groups=groups)
    return functional.conv2d(across, rows.transpose(-1, -2), groups=groups).chunk(len(maps), dim=1)
