"""The planes that SSIM compares: luminance or the three channels, with or without rounding."""

from __future__ import annotations

from typing import Literal

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
