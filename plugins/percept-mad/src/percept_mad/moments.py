"""Central moments of square blocks, put together from halves so that float32 loses nothing to cancellation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CELL = 4  # side of a cell in pixels, and the step from one block to the next


class Moments(NamedTuple):
    """Of regions of equal size, each (..., h, w): the mean, and the sums of powers 2 to 4 of deviations from it."""

    mean: Tensor
    second: Tensor
    third: Tensor
    fourth: Tensor


def cells(planes: Tensor) -> Moments:
    """Planes (..., 4h, 4w) → moments (..., h, w) of cells of 4×4 pixels that do not overlap."""
    pairs = _pairs(planes[..., ::2, :], planes[..., 1::2, :])
    columns = _join(_every_other(pairs, 0, -2), _every_other(pairs, 1, -2), 2)
    halves = _join(_every_other(columns, 0, -1), _every_other(columns, 1, -1), 4)
    return _join(_every_other(halves, 0, -1), _every_other(halves, 1, -1), 8)


def blocks(cells: Moments, side: int) -> Moments:
    """Moments (..., h, w) of cells → those of all blocks of side×side cells, side a power of 2."""
    regions, count = cells, CELL**2
    for dim in (-2, -1):
        reach = 1
        while reach < side:
            size = regions.mean.shape[dim] - reach
            first, second = (Moments(*(m.narrow(dim, start, size) for m in regions)) for start in (0, reach))
            regions, reach, count = _join(first, second, count), 2 * reach, 2 * count
    return regions


def _every_other(moments: Moments, start: int, dim: int) -> Moments:
    return Moments(*(m[..., start::2] if dim == -1 else m[..., start::2, :] for m in moments))


def _pairs(first: Tensor, second: Tensor) -> Moments:
    step = second - first
    square = step.square()
    return Moments(first.add(step, alpha=0.5), square / 2, square.new_zeros(()).expand_as(square), square.square() / 8)


def _join(first: Moments, second: Moments, count: int) -> Moments:
    """Moments of the unions of regions of `count` pixels each: Pébay, SAND2008-6212, equations 1.1, 3.1 and 3.2."""
    step = second.mean - first.mean
    square = step.square()
    both = first.second + second.second
    third = torch.addcmul(first.third + second.third, step, second.second - first.second, value=1.5)
    fourth = torch.addcmul(first.fourth + second.fourth, step, second.third - first.third, value=2)
    return Moments(
        first.mean.add(step, alpha=0.5),
        both.add(square, alpha=count / 2),
        third,
        torch.addcmul(fourth, square, both.add(square, alpha=count / 12), value=1.5),
    )
