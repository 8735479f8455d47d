"""The Laplacian pyramid of Burt and Adelson, IEEE Trans. Communications 31(4), 1983, as `buildLpyr` builds it."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional

BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)  # divided by 16 and multiplied by √2 a direction: each level doubles the mean


def laplacian(planes: Tensor, levels: int) -> list[Tensor]:
    """(N, 1, H, W) → `levels` planes, finest first: bands of details, the last one what is left.

    Sides halve from one to the next, rounded up. Beyond an edge the plane is mirrored, without the edge pixel.
    """
    pyramid = []
    for _ in range(levels - 1):
        coarse = reduce(planes)
        pyramid.append(planes - expand(coarse, planes.shape[-2], planes.shape[-1]))
        planes = coarse
    return [*pyramid, planes]


def reduce(planes: Tensor) -> Tensor:
    """(N, 1, H, W) → (N, 1, ⌈H/2⌉, ⌈W/2⌉): smoothed by the binomial filter, and every other pixel of it."""
    taps = planes.new_tensor(BINOMIAL) * (sqrt(2) / 16)
    padded = functional.pad(planes, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, torch.outer(taps, taps)[None, None], stride=2)


def expand(planes: Tensor, height: int, width: int) -> Tensor:
    """(N, 1, ⌈H/2⌉, ⌈W/2⌉) → (N, 1, H, W): zeros between the pixels, and the binomial filter.

    Even and odd positions are two filters of the pixels that are not zero, so that no zeros need be stored. Mirroring
    the image with its zeros repeats the last pixel where the side is even, and where it is odd mirrors the pixels.
    """
    taps = planes.new_tensor([(1.0, 6.0, 1.0), (0.0, 4.0, 4.0)]) * (sqrt(2) / 16)
    filters = torch.einsum("ik,jl->ijkl", taps, taps).flatten(0, 1)[:, None]
    padded = _pad(_pad(planes, height).mT, width).mT
    return functional.pixel_shuffle(functional.conv2d(padded, filters), 2)[..., :height, :width]


def _pad(planes: Tensor, side: int) -> Tensor:
    """One row more at each end, for a plane that has `side` rows when expanded."""
    last = planes[..., -1:, :] if side % 2 == 0 else planes[..., -2:-1, :]
    return torch.cat([planes[..., 1:2, :], planes, last], -2)
