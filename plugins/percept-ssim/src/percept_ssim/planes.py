"""The planes that SSIM compares: luminance or the three channels, with or without rounding."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Colour = Literal["gray", "rgb"]

GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)  # MATLAB's rgb2gray: NTSC luminance to 15 digits


def planes(images: Tensor, colour: Colour, rounded: bool) -> Tensor:
    """(N, 3, H, W) sRGB in [0, 1] → (N, 1 or 3, H, W) in [0, 1].

    `gray` is MATLAB's rgb2gray, the luminance that Wang et al.'s code is given. `rounded` keeps 256 levels, as rgb2gray
    does with 8-bit images; the gradient passes through the rounding as if it were not there.
    """
    values = _gray(images) if colour == "gray" else images
    return _round(values) if rounded else values


def _gray(images: Tensor) -> Tensor:
    count, _, height, width = images.shape
    return (images.new_tensor(GRAY) @ images.flatten(2)).view(count, 1, height, width)


def _round(values: Tensor) -> Tensor:
    with torch.no_grad():
        correction = (values * 255).round() / 255 - values
    return values + correction
