"""The Laplacian pyramid of Burt and Adelson, IEEE Trans. Communications 31(4), 1983, with the borders of MATLAB's port.

Its filter (1, 5, 8, 5, 1) / 20 is applied to rows and columns by weighted sums of views, which is several times faster
than convolutions of one channel.
"""

from __future__ import annotations

import torch
from torch import Tensor

CENTRE, NEAR, FAR = 0.4, 0.25, 0.05


def laplacian(image: Tensor, levels: int) -> list[Tensor]:
    """(N, 1, H, W) → its levels, finest first, each half as large, rounded up; the last one is the low-pass rest.

    Level k must have two pixels a side wherever it is reduced: H and W are above 2^(levels - 2).
    """
    pyramid = []
    for _ in range(levels - 1):
        reduced = _reduce(_reduce(image, -2), -1)
        pyramid.append(image - _expand(_expand(reduced, -1, image.shape[-1]), -2, image.shape[-2]))
        image = reduced
    return [*pyramid, image]


def _reduce(values: Tensor, dim: int) -> Tensor:
    """Low-pass, and every other row or column from the first; borders are mirrored, the last pixel repeated."""
    size = values.shape[dim]
    even, odd = (values[..., start::2] if dim == -1 else values[..., start::2, :] for start in (0, 1))
    count = even.shape[dim]
    first, last = values.narrow(dim, 0, 1), values.narrow(dim, size - 1, 1)
    near = torch.cat((first, odd, last) if size % 2 else (first, odd), dim)
    beyond = values.narrow(dim, 1, 1), even, odd.narrow(dim, odd.shape[dim] - 1, 1)
    far = torch.cat(beyond, dim)
    nearest = near.narrow(dim, 0, count) + near.narrow(dim, 1, count)
    farthest = far.narrow(dim, 0, count) + far.narrow(dim, 2, count)
    return CENTRE * even + NEAR * nearest + FAR * farthest


def _expand(values: Tensor, dim: int, size: int) -> Tensor:
    """Twice as many rows or columns, of which `size` are kept, interpolated by twice the filter; borders repeated."""
    count = values.shape[dim]
    first, last = values.narrow(dim, 0, 1), values.narrow(dim, count - 1, 1)
    padded = torch.cat((first, values, last), dim)
    before, behind = padded.narrow(dim, 0, count), padded.narrow(dim, 2, count)
    even = 2 * CENTRE * values + 2 * FAR * (before + behind)
    odd = 2 * NEAR * (values + behind)
    return torch.stack((even, odd), dim).flatten(dim - 1, dim).narrow(dim, 0, size)
