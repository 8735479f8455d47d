"""MATLAB's `imresize` with its default method: bicubic, antialiased when it makes images smaller.

The kernel is Keys's cubic convolution with a = -1/2 (IEEE Trans. ASSP 29(6), 1981, eq. 15).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from percept.errors import ImageError
from torch import Tensor


def imresize(images: Tensor, scale: float, size: tuple[int, int] | None = None) -> Tensor:
    """(…, H, W) → (…, ⌈H·scale⌉, ⌈W·scale⌉), or (…, *size) with each side's own scale; of the same dtype and device.

    Below scale 1 the kernel is widened by 1/scale, which is MATLAB's antialiasing; beyond the edges the image is
    mirrored, edge pixel included. Values are neither rounded nor clamped. Differentiable. As in MATLAB, the side that
    shrinks most is resized first; a `size` takes the place of `scale`. Raises ImageError unless `images` is floating
    point with two sides of at least one pixel, and for a scale or size that is not positive.
    """
    for axis, (table, weights) in _passes(images, scale, size):
        images = _resample(images, table, weights, axis)
    return images.contiguous()


def imresize_uint8(images: Tensor, scale: float, size: tuple[int, int] | None = None) -> Tensor:
    """`imresize` of images in [0, 1] as MATLAB does it to uint8: each of the two passes ends in 256 levels.

    MATLAB keeps the class of its input between the passes, so that the rows are rounded and clamped before the columns
    are resized; the stored inputs of Set5, DIV2K and their like carry those roundings. Gradients are zero.
    """
    levels = _to_levels(images * 255)
    for axis, (table, weights) in _passes(images, scale, size):
        levels = _to_levels(_resample(levels, table, weights, axis))
    return (levels / 255).contiguous()


@lru_cache(maxsize=128)
def weights_of(length: int, resized: int, scale: float, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    """For one side: which `taps` pixels of `length` make each of `resized`, and how much: both (taps, resized)."""
    shrink = min(scale, 1.0)
    width = 4 / shrink
    centres = np.arange(1, resized + 1) / scale + 0.5 * (1 - 1 / scale)
    positions = np.floor(centres - width / 2) + np.arange(math.ceil(width) + 2)[:, None]
    weights = shrink * _cubic(shrink * (centres - positions))
    weights /= weights.sum(axis=0)
    used = (weights != 0).any(axis=1)
    indices = _mirrored(positions[used].astype(np.int64) - 1, length)
    with torch.inference_mode(False):  # or tables first made without gradients could never be used with them
        return torch.from_numpy(indices).to(device), torch.from_numpy(weights[used]).to(device, dtype)


def _passes(images: Tensor, scale: float, size: tuple[int, int] | None) -> list[tuple[int, tuple[Tensor, Tensor]]]:
    _check(images, scale, size)
    sides = images.shape[-2:]
    sizes = size or (math.ceil(sides[0] * scale), math.ceil(sides[1] * scale))
    scales = [new / old for new, old in zip(sizes, sides, strict=True)] if size else [float(scale)] * 2
    order = sorted((0, 1), key=lambda side: scales[side])
    key = (images.dtype, str(images.device))
    return [(side - 2, weights_of(sides[side], sizes[side], scales[side], *key)) for side in order]


def _resample(images: Tensor, indices: Tensor, weights: Tensor, axis: int) -> Tensor:
    # Whole rows are gathered several times as fast as single pixels: the width is resized transposed.
    rows = images if axis == -2 else images.mT.contiguous()
    result = rows.index_select(-2, indices[0]) * weights[0, :, None]
    for tap, weight in zip(indices[1:], weights[1:, :, None], strict=True):
        result = torch.addcmul(result, rows.index_select(-2, tap), weight)
    return result if axis == -2 else result.mT


def _cubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _mirrored(positions: np.ndarray, length: int) -> np.ndarray:
    mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    mirrored: np.ndarray = mirror[positions % (2 * length)]
    return mirrored


def _to_levels(levels: Tensor) -> Tensor:
    # MATLAB rounds halves up; torch.round would round them to even.
    return (levels + 0.5).floor().clamp(0, 255)


def _check(images: Tensor, scale: float, size: tuple[int, int] | None) -> None:
    if images.ndim < 2 or not images.is_floating_point() or min(images.shape[-2:]) < 1:
        raise ImageError(f"imresize takes floating-point (…, H, W), not {images.dtype} {tuple(images.shape)}")
    if scale <= 0 or not math.isfinite(scale) or min(size or (1, 1)) < 1:
        raise ImageError(f"imresize to scale {scale}, size {size}: both must be positive")
