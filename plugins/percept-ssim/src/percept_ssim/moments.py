"""Local means and variances under a Gaussian window, and the map that SSIM is the mean of."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from percept.primitives import separable
from torch import Tensor

C1, C2 = 0.01**2, 0.03**2
MIDDLE = 0.5


class Moments(NamedTuple):
    """Of the reference, at one scale: its planes (N, C, H, W), and maps of its local means and variances.

    values  the planes less `MIDDLE`
    mean    of these
    base    2σ² + C2
    twice   2μ, of the planes themselves: None where luminance is not compared
    floor   2μ² + C1: likewise
    """

    planes: Tensor
    values: Tensor
    mean: Tensor
    base: Tensor
    twice: Tensor | None = None
    floor: Tensor | None = None

    def of(self, image: int) -> Moments:
        """Those of the reference of one image; there may be but one for all."""
        n = min(image, len(self.planes) - 1)
        chosen: Any = (None if values is None else values[n : n + 1] for values in self)
        return Moments(*chosen)


def moments(planes: Tensor, window: Tensor, *, luminance: bool) -> Moments:
    """(N, C, H, W) in [0, 1] → its moments; the maps are smaller by len(window) - 1 pixels a side.

    Around the middle of the range, squares are at most 1/4: float32 loses less to the difference E[x²] - E[x]².
    """
    values = planes - MIDDLE
    mean, square = separable(window, values, values.square())
    base = 2 * (square - mean.square()) + C2
    if not luminance:
        return Moments(planes, values, mean, base)
    twice = 2 * mean + 2 * MIDDLE
    return Moments(planes, values, mean, base, twice, twice.square() / 2 + C1)


def mean_dissimilarity(planes: Tensor, reference: Moments, window: Tensor) -> Tensor:
    """The mean of `dissimilarity` over pixels: (N, C, H, W) against moments of (N, C, H, W) → (N, C).

    One of the two may be of N and the other of 1.
    """
    given = planes, *(values for values in reference if values is not None)
    if planes.device.type != "cpu" or (torch.is_grad_enabled() and any(values.requires_grad for values in given)):
        return dissimilarity(planes, reference, window).mean((-2, -1))
    count = max(len(planes), len(reference.planes))
    images = planes.expand(count, -1, -1, -1)
    return torch.cat([_mean(image[None], reference.of(n), window) for n, image in enumerate(images)])


def _mean(planes: Tensor, reference: Moments, window: Tensor) -> Tensor:
    """The same of one image, (1, C), in as few maps as possible: fresh memory costs more than what is done with it."""
    difference = planes - reference.planes
    mean, square, cross = separable(window, difference, difference.square(), difference * reference.values)
    mean_square = mean.square()
    variance = square.sub_(mean_square)
    total = cross.addcmul_(mean, reference.mean, value=-1).mul_(2).add_(reference.base).add_(variance)
    structure = variance.div_(total)
    if reference.twice is not None and reference.floor is not None:
        bright = torch.addcmul(reference.floor, mean, reference.twice, out=total).add_(mean_square)
        brightness = mean_square.div_(bright)
        structure.addcmul_(brightness, torch.sub(1, structure, out=mean))
    return structure.mean((-2, -1))


def dissimilarity(planes: Tensor, reference: Moments, window: Tensor) -> Tensor:
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
    if reference.twice is None or reference.floor is None:
        return structure
    brightness = mean_square / (torch.addcmul(reference.floor, mean, reference.twice) + mean_square)
    return torch.addcmul(brightness + structure, brightness, structure, value=-1)
