"""MATLAB's `imresize` with 'bilinear': a triangle, widened where an image is made smaller, mirrored borders."""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 32  # rows of the result that are made by one product of matrices: few enough to skip most of the zeros


class Block(NamedTuple):
    """Rows of the result, the rows of the image that they are made of, and the weights (their counts)."""

    made: slice
    used: slice
    weights: Tensor


def imresize_bilinear(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) → (N, C, *size), differentiable once; values are neither rounded nor clamped."""
    for dim in (-2, -1):
        if images.shape[dim] != size[dim]:
            images = _Resize.apply(images, dim, size[dim])
    return images


class _Resize(torch.autograd.Function):
    """One side. By hand: the backward pass adds each block to where it came from."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, dim: int, size: int) -> Tensor:
        ctx.dim, ctx.shape = dim, images.shape
        height, width = images.shape[-2:]
        result = images.new_empty([size if i - 4 == dim else side for i, side in enumerate(images.shape)])
        bands = blocks(images.shape[dim], size, images.dtype, str(images.device))
        if dim == -2:
            planes, made_planes = images.reshape(-1, height, width), result.view(-1, size, width)
            for made, used, weights in bands:
                torch.bmm(weights.expand(len(planes), -1, -1), planes[:, used], out=made_planes[:, made])
        else:
            rows, made_rows = images.reshape(-1, width), result.view(-1, size)
            for made, used, weights in bands:
                torch.mm(rows[:, used], weights.mT, out=made_rows[:, made])
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None, None]:
        dim, result = ctx.dim, slopes.new_zeros(ctx.shape)
        for made, used, weights in blocks(ctx.shape[dim], slopes.shape[dim], slopes.dtype, str(slopes.device)):
            if dim == -2:
                result[..., used, :] += weights.mT @ slopes[..., made, :]
            else:
                result[..., used] += slopes[..., made] @ weights
        return result, None, None


@lru_cache(maxsize=16)
def blocks(length: int, size: int, dtype: torch.dtype, device: str) -> tuple[Block, ...]:
    """The matrix from `length` to `size` rows, cut into bands."""
    with torch.inference_mode(False), torch.no_grad():
        matrix = weights_of(length, size)
        made = [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]
        used = [_extent(matrix[rows]) for rows in made]
        return tuple(
            Block(rows, columns, matrix[rows, columns].to(device, dtype).contiguous())
            for rows, columns in zip(made, used, strict=True)
        )


def weights_of(length: int, size: int) -> Tensor:
    """(size, length) float64, rows of sum 1."""
    scale = size / length
    shrink = min(scale, 1.0)
    centres = torch.arange(0.5, size, dtype=torch.float64) / scale - 0.5
    first = (centres - 1 / shrink).floor()
    taps = first[:, None] + torch.arange(ceil(2 / shrink) + 2)
    weights = (1 - shrink * (taps - centres[:, None]).abs()).clamp_min(0)
    taps = taps.long() % (2 * length)
    mirrored = torch.where(taps < length, taps, 2 * length - 1 - taps)
    return torch.zeros(size, length, dtype=torch.float64).scatter_add_(1, mirrored, weights / weights.sum(1, True))


def _extent(rows: Tensor) -> slice:
    columns = rows.any(0).nonzero()
    return slice(int(columns[0]), int(columns[-1]) + 1)
