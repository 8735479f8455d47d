"""What MDSI compares: gradients of luminance and two opponent colours, of images averaged down to about 256 pixels."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
from percept.primitives import mix
from torch import Tensor
from torch.nn import functional

LHM = ((0.2989, 0.5870, 0.1140), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))
SIDE = 256  # pixels that the smaller side is averaged down to, about
TINY = 1e-12  # squared grey levels a pixel, added below the root of the gradient magnitude


class Features(NamedTuple):
    """Of images averaged down to h×w pixels, in grey levels, 0 to 255.

    `gradient`   derivatives of luminance, across and down, (N, 2, h, w)
    `magnitude`  the length of that, (N, 1, h, w)
    `colours`    the opponent colours H and M, (N, 2, h, w)
    """

    gradient: Tensor
    magnitude: Tensor
    colours: Tensor


def features(images: Tensor) -> Features:
    """(N, 3, H, W) in [0, 1] → features; the smaller of H and W decides by how much images are averaged down."""
    height, width = images.shape[-2:]
    factor = max(1, (2 * min(height, width) + SIDE) // (2 * SIDE))  # MATLAB's round: halves go up
    planes = mix(box_means(images, factor), [[255 * weight for weight in row] for row in LHM])
    derivatives = gradient(planes[:, :1])
    return Features(derivatives, length(derivatives), planes[:, 1:])


def gradient(plane: Tensor) -> Tensor:
    """(N, 1, h, w) → derivatives across and down (N, 2, h, w), Prewitt's filters / 3, zeros beyond borders."""
    padded = functional.pad(plane / 3, (1, 1, 1, 1))
    below, beside = _sum_of_three(padded, -2), _sum_of_three(padded, -1)
    return torch.cat((below[..., 2:] - below[..., :-2], beside[..., 2:, :] - beside[..., :-2, :]), dim=1)


def length(gradient: Tensor) -> Tensor:
    """(N, 2, h, w) → (N, 1, h, w); a shift of the square by 1e-12 keeps the slope finite where the gradient is 0."""
    across, down = gradient.unbind(1)
    return across.square().addcmul_(down, down).add_(TINY).sqrt()[:, None]


def box_means(planes: Tensor, factor: int) -> Tensor:
    """(N, C, H, W) → (N, C, ⌈H/f⌉, ⌈W/f⌉): means of f×f windows, zeros beyond borders.

    As MATLAB's conv2(x, ones(f)/f², 'same') at every f-th pixel from the first, about which the first window lies.
    Sums of views are several times faster than pooling.
    """
    if factor == 1:
        return planes
    count, channels, height, width = planes.shape
    before = (factor - 1) // 2
    rows, columns = -(-height // factor), -(-width // factor)
    behind = [size * factor - old - before for size, old in ((columns, width), (rows, height))]
    if before or any(behind):
        planes = functional.pad(planes, (before, behind[0], before, behind[1]))
    sums = reduce(torch.add, planes.reshape(count, channels, rows, factor, -1).unbind(3))
    return reduce(torch.add, sums.view(count, channels, rows, columns, factor).unbind(4)) / factor**2


def _sum_of_three(values: Tensor, dim: int) -> Tensor:
    size = values.shape[dim] - 2
    return (values.narrow(dim, 0, size) + values.narrow(dim, 1, size)).add_(values.narrow(dim, 2, size))
