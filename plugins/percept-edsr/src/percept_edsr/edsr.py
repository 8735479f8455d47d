"""EDSR (Lim et al., CVPR Workshops 2017, arXiv:1707.02921), of any depth and width."""

from __future__ import annotations

from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn import functional

# RGB mean of DIV2K's training images, which the paper subtracts from the input and adds to the output.
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
# The paper trains in grey levels; in [0, 1] the biases would learn 255 times as fast.
LEVELS = 255.0

_STAGES = {2: (2,), 3: (3,), 4: (2, 2)}


class EDSR(nn.Module):
    """Enhanced deep residual network: (N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped; any h, w ≥ 1.

    channels        width of every layer: 64 in the paper's baseline, 256 in its large network
    blocks          residual blocks: 16 in the baseline, 32 in the large network
    scale           2, 3 or 4
    residual_scale  factor on each block's branch: 1, or 0.1 for the large network, which is unstable without (§3.2)
    skip            `none`: the paper's network, on images minus DIV2K's mean; `bicubic`: the network, its last
                    convolution zero at the start, adds to the bicubically enlarged input (a = -0.75, no antialiasing)

    Parameters at ×2: 1.37 M (64, 16). Raises ComponentError for another scale or a width or depth below 1; calling it
    raises ImageError for anything but (N, 3, h, w).
    """

    mean: Tensor

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 16,
        scale: int = 2,
        residual_scale: float = 1.0,
        skip: Literal["none", "bicubic"] = "none",
    ) -> None:
        super().__init__()
        _check(channels, blocks, scale)
        self.scale = scale
        self.skip = skip
        self.register_buffer("mean", torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1), persistent=False)
        self.head = _conv(3, channels)
        self.body = nn.Sequential(
            *(ResidualBlock(channels, residual_scale) for _ in range(blocks)), _conv(channels, channels)
        )
        self.upsample = nn.Sequential(*(layer for factor in _STAGES[scale] for layer in _enlarge(channels, factor)))
        self.tail = _conv(channels, 3)
        if skip == "bicubic":
            for parameter in self.tail.parameters():
                nn.init.zeros_(parameter)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "edsr")
        features = self.head((degraded - self.mean) * LEVELS)
        residual: Tensor = self.tail(self.upsample(features + self.body(features))) / LEVELS
        return residual + self._base(degraded)

    def _base(self, degraded: Tensor) -> Tensor:
        if self.skip == "none":
            return self.mean
        return functional.interpolate(degraded, scale_factor=self.scale, mode="bicubic", align_corners=False)


class ResidualBlock(nn.Module):
    """x + residual_scale · conv(relu(conv(x))), no normalisation (Figure 2c); (N, channels, h, w) → the same."""

    def __init__(self, channels: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.branch = nn.Sequential(_conv(channels, channels), nn.ReLU(inplace=True), _conv(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        return torch.add(features, self.branch(features), alpha=self.residual_scale)


def _enlarge(channels: int, factor: int) -> list[nn.Module]:
    return [_conv(channels, channels * factor**2), nn.PixelShuffle(factor)]


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def _check(channels: int, blocks: int, scale: int) -> None:
    if scale not in _STAGES:
        raise ComponentError(f"edsr: scale {scale} is not offered; use 2, 3 or 4")
    if channels < 1 or blocks < 1:
        raise ComponentError(f"edsr: channels and blocks are at least 1, not {channels} and {blocks}")
