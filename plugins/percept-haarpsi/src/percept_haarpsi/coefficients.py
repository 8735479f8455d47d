"""What HaarPSI compares: wavelet coefficients of Y, and local means of I and Q, at half size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from percept.primitives import mix
from torch import Tensor
from torch.nn import functional

YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
BEFORE, BEHIND = 3, 4  # zeros beyond the borders of Y: how far MATLAB's 'same' lets an 8×8 window reach out


class Coefficients(NamedTuple):
    """Absolute values at half size, (N, 2, ⌈H/2⌉, ⌈W/2⌉) each.

    `fine`, `middle` and `coarse` are Haar's filters of 2×2, 4×4 and 8×8 pixels on Y, undivided: 2, 4 and 8 times those
    of the paper, horizontal edges and vertical ones. `chroma` is 4 times the 2×2 means of I and Q.
    """

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    chroma: Tensor


def coefficients(images: Tensor) -> Coefficients:
    """(N, 3, H, W) in [0, 1] → coefficients on the scale 0 to 255."""
    levels = [[255 / 4 * weight for weight in row] for row in YIQ]
    planes = mix(_sums_of_squares(images), levels)
    height, width = planes.shape[-2:]
    sums = functional.pad(planes[:, :1], (BEFORE, BEHIND, BEFORE, BEHIND))
    scales = []
    for size in (1, 2, 4):
        sums, edges = _haar(sums, size)
        start = BEFORE + 1 - size  # from where a window of 2·size pixels reaches as far out as MATLAB's
        scales.append(edges[..., start : start + height, start : start + width].abs())
    fine, middle, coarse = scales
    colours = functional.pad(planes[:, 1:], (0, 1, 0, 1))
    colours = colours[..., :-1, :] + colours[..., 1:, :]
    return Coefficients(fine, middle, coarse, (colours[..., :-1] + colours[..., 1:]).abs())


def _haar(sums: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Sums over size×size pixels (N, 1, h, w) → those over windows twice as large, smaller by `size`, and their edges.

    The edges (N, 2, h - size, w - size) are lower less upper half and right less left half of each window.
    """
    upper, lower = sums[..., :-size, :], sums[..., size:, :]
    both, down = upper + lower, lower - upper
    left, right = both[..., :-size], both[..., size:]
    return left + right, torch.cat((down[..., :-size] + down[..., size:], right - left), dim=1)


def _sums_of_squares(planes: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, ⌈H/2⌉, ⌈W/2⌉): sums over 2×2 pixels, zeros beyond an odd border."""
    count, channels, height, width = planes.shape
    if height % 2 or width % 2:
        planes = functional.pad(planes, (0, width % 2, 0, height % 2))
    upper, lower = planes.view(count, channels, -1, 2, width + width % 2).unbind(3)
    left, right = (upper + lower).view(count, channels, upper.shape[2], -1, 2).unbind(4)
    return left + right
