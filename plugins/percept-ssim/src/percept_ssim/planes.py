"""The planes that SSIM compares: luminance or the three channels, with or without rounding."""

from __future__ import annotations

from typing import Literal

import torch
from percept.primitives import gray
from percept.primitives import rounded as to_levels
from torch import Tensor

Colour = Literal["gray", "rgb"]


def planes(images: Tensor, colour: Colour, rounded: bool) -> Tensor:
    """(N, 3, H, W) sRGB in [0, 1] → (N, 1 or 3, H, W) in [0, 1].

    `gray` is MATLAB's rgb2gray, the luminance that Wang et al.'s code is given. `rounded` keeps 256 levels, as rgb2gray
    does with 8-bit images; the gradient passes through the rounding as if it were not there.
    """
    values = gray(images) if colour == "gray" else images
    return to_levels(values) if rounded else values


def downsampled(planes: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, ⌈H/f⌉, ⌈W/f⌉), f = max(1, round(min(H, W) / 256)): means over f×f pixels around every f-th.

    What the authors' ssim.m does before anything else; borders are mirrored, as by MATLAB's 'symmetric'.
    """
    height, width = planes.shape[-2:]
    factor = max(1, int(min(height, width) / 256 + 0.5))
    if factor == 1:
        return planes
    rows, columns = (_around_every(factor, size, planes.device) for size in (height, width))
    windows = planes[..., rows, :][..., columns]
    blocks = (*planes.shape[:2], len(rows) // factor, factor, len(columns) // factor, factor)
    return windows.reshape(blocks).mean((-3, -1))


def _around_every(factor: int, size: int, device: torch.device) -> Tensor:
    """The places of all windows of `factor` pixels around every such place of `size`, one window after the other."""
    places = torch.arange(-(-size // factor) * factor, device=device) - (factor - 1) // 2
    places = torch.where(places < 0, -1 - places, places)
    return torch.where(places >= size, 2 * size - 1 - places, places)
