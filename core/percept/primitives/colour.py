"""Channels of an image, and their 256 levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)  # MATLAB's rgb2gray: NTSC luminance to 15 digits


def gray(images: Tensor, *, to_levels: bool = False) -> Tensor:
    """(N, 3, H, W) in [0, 1] → luminance (N, 1, H, W) in [0, 1], as MATLAB's rgb2gray.

    `to_levels` rounds it to multiples of 1/255, as rgb2gray does with 8-bit images.
    """
    luminance = mix(images, [GRAY])
    return rounded(luminance) if to_levels else luminance


def mix(images: Tensor, weights: Sequence[Sequence[float]]) -> Tensor:
    """(N, 3, H, W) and K rows of three weights → (N, K, H, W): linear combinations of the channels."""
    count, _, height, width = images.shape
    return (images.new_tensor(weights) @ images.flatten(2)).view(count, -1, height, width)


def rounded(values: Tensor) -> Tensor:
    """Values of any shape in [0, 1], rounded to multiples of 1/255; the gradient passes through unchanged."""
    with torch.no_grad():
        correction = (values * 255).round() / 255 - values
    return values + correction
