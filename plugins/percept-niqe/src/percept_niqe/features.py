"""The 36 features of NIQE for each block of an image.

Mittal, Soundararajan, Bovik, "Making a 'completely blind' image quality analyzer", IEEE Signal Processing Letters
20(3), 2013; numbers of sections and equations are that paper's. Everything here is float64.
"""

from __future__ import annotations

import torch
from percept_degradations.imresize import imresize
from torch import Tensor

from percept_niqe.scenes import SHIFTS, asymmetric_gaussian, mean_over_width, normalised, width

BLOCK = 96
FEATURES = 36


def block_features(gray: Tensor, window: Tensor, ratios: Tensor, *, rounded: bool = True) -> Tensor:
    """(H, W) gray levels → (blocks, 36): 18 features at full, 18 at half size; NaN where a block is flat.

    H and W are first cropped to multiples of 96 from the top left, as the authors' code does. `rounded` is that of
    `asymmetric_gaussian`.
    """
    full = cropped(gray, BLOCK)
    halves = [
        contrast_features(split(normalised(level, window)[0], size), ratios, rounded=rounded)
        for level, size in ((full, BLOCK), (imresize(full, 0.5), BLOCK // 2))
    ]
    return torch.cat(halves, dim=1)


def block_sharpness(gray: Tensor, window: Tensor) -> Tensor:
    """(H, W) gray levels → (blocks,): the mean local standard deviation in each block (§II.B)."""
    _, deviation = normalised(cropped(gray, BLOCK), window)
    return split(deviation, BLOCK).mean(dim=(1, 2))


def contrast_features(blocks: Tensor, ratios: Tensor, *, rounded: bool = True) -> Tensor:
    """Normalised values (blocks, h, w) → (blocks, 18): fits of the values and of the products of neighbours (§II.C).

    A block's last row and column are neighbours of its first ones, as in the authors' code.
    """
    shape, left, right = asymmetric_gaussian(blocks.flatten(1), ratios, rounded=rounded)
    columns = [shape, (left + right) / 2 * width(shape)]
    for shift in SHIFTS:
        products = blocks * blocks.roll(shift, dims=(1, 2))
        shape, left, right = asymmetric_gaussian(products.flatten(1), ratios, rounded=rounded)
        scale = width(shape)
        columns += [shape, (right - left) * scale * mean_over_width(shape), left * scale, right * scale]
    return torch.stack(columns, dim=1)


def cropped(planes: Tensor, size: int) -> Tensor:
    """(…, H, W) → the largest multiple of `size` of each side, from the top left."""
    height, width = (side // size * size for side in planes.shape[-2:])
    return planes[..., :height, :width]


def split(values: Tensor, size: int) -> Tensor:
    """(…, H, W), multiples of `size` → (…, blocks, size, size)."""
    rows, columns = (side // size for side in values.shape[-2:])
    tiles = values.reshape(*values.shape[:-2], rows, size, columns, size)
    return tiles.transpose(-3, -2).flatten(-4, -3)
