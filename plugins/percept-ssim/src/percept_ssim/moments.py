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

    mean  of the planes less `MIDDLE`
    base  2σ² + C2
    """

    planes: Tensor
    mean: Tensor
    base: Tensor


def moments(planes: Tensor, window: Tensor) -> Moments:
    """(N, C, H, W) in [0, 1] → its moments; the maps are smaller by len(window) - 1 pixels a side.

    Around the middle of the range, squares are at most 1/4: float32 loses less to the difference E[x²] - E[x]².
    """
    values = planes - MIDDLE
    mean, square = separable(window, values, values.square())
    return Moments(planes, mean, 2 * (square - mean.square()) + C2)


def mean_dissimilarity(planes: Tensor, reference: Moments, window: Tensor, *, luminance: bool) -> Tensor:
    """The mean of `dissimilarity` over pixels: (N, C, H, W) against moments of (N or 1, C, H, W) → (N, C)."""
    tracked = torch.is_grad_enabled() and any(values.requires_grad for values in (planes, *reference))
    if tracked or planes.device.type != "cpu":
        return dissimilarity(planes, reference, window, luminance=luminance).mean((-2, -1))
    known = [values.expand(len(planes), -1, -1, -1) for values in reference]  # one reference may serve them all
    means = [
        _mean(image[None], Moments(*(values[n : n + 1] for values in known)), window, luminance)
        for n, image in enumerate(planes)
    ]
    return torch.cat(means)


def _mean(planes: Tensor, reference: Moments, window: Tensor, luminance: bool) -> Tensor:
    """The same of one image, (1, C), in as few maps as possible: fresh memory costs more than what is done with it."""
    difference = planes - reference.planes
    cross = (reference.planes - MIDDLE).mul_(difference)
    mean, square, cross = separable(window, difference, difference.square(), cross)
    mean_square = mean.square()
    variance = square.sub_(mean_square)
    total = cross.addcmul_(mean, reference.mean, value=-1).mul_(2).add_(reference.base).add_(variance)
    structure = variance.div_(total)
    if luminance:
        known = reference.mean + MIDDLE
        bright = mean.add_(known).square_().addcmul_(known, known).add_(C1)
        brightness = mean_square.div_(bright)
        structure.addcmul_(brightness, known.fill_(1).sub_(structure))
    return structure.mean((-2, -1))


def dissimilarity(planes: Tensor, reference: Moments, window: Tensor, *, luminance: bool) -> Tensor:
    """1 - SSIM, or without luminance 1 - contrast · structure: (N, C, h, w), TIP 2004, equations 6 to 13, C3 = C2/2.

    With d = x - y the two factors are 1 - μd² / (μx² + μy² + C1) and 1 - σd² / (σx² + σy² + C2): the same fractions,
    but exactly 1 for equal images, and without the cancellation of 2σxy against σx² + σy² for similar ones. The sums
    below are those of the reference alone, and what d adds: the fewest passes over maps, which memory bounds.
    """
    difference, values = planes - reference.planes, reference.planes - MIDDLE
    mean, square, cross = separable(window, difference, difference.square(), difference * values)
    mean_square = mean.square()
    variance = square - mean_square
    covariance = torch.addcmul(cross, mean, reference.mean, value=-1)
    structure = variance / (torch.add(reference.base, covariance, alpha=2) + variance)
    if not luminance:
        return structure
    known = reference.mean + MIDDLE
    brightness = mean_square / (known.square() + (known + mean).square() + C1)
    return torch.addcmul(brightness + structure, brightness, structure, value=-1)
