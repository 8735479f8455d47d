"""SRResNet, the generator of SRGAN (Ledig et al., CVPR 2017, arXiv:1609.04802, Figure 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError, ImageError
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["batch", "none"]

_STAGES = {2: (2,), 3: (3,), 4: (2, 2)}


class SRResNet(nn.Module):
    """(N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped; any h, w ≥ 1.

    channels  width of every layer
    blocks    residual blocks: 16 in the paper
    scale     2, 3 or 4
    norm      `batch` normalisation as in the paper, or `none`
    trunk     what follows the convolution behind the blocks: `norm` as in the paper, or a `prelu` instead
    output    `linear`: the last convolution gives images in [-1, 1], as in the paper; `tanh`: it is held inside that
    skip      `none`: the paper's network; `bicubic`: the network, its last convolution zero at the start, adds to
              the bicubically enlarged input (a = -0.75, no antialiasing)

    1.55 M parameters at ×4. iSeeBetter's SRGAN is blocks=5, trunk="prelu", output="tanh".
    Raises ComponentError for another scale or a width or depth below 1; calling it raises ImageError for anything but
    (N, 3, h, w), and where batch normalisation is to learn from a single pixel.
    """

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 16,
        scale: int = 4,
        norm: Norm = "batch",
        trunk: Literal["norm", "prelu"] = "norm",
        output: Literal["linear", "tanh"] = "linear",
        skip: Literal["none", "bicubic"] = "none",
    ) -> None:
        super().__init__()
        _check(channels, blocks, scale)
        self.scale, self.norm, self.output, self.skip = scale, norm, output, skip
        self.head = nn.Sequential(_conv(3, channels, 9), nn.PReLU())
        self.body = nn.Sequential(*(ResidualBlock(channels, norm) for _ in range(blocks)))
        self.trunk = nn.Sequential(_conv(channels, channels), nn.PReLU() if trunk == "prelu" else _norm(channels, norm))
        self.upsample = nn.Sequential(*(_enlarge(channels, factor) for factor in _STAGES[scale]))
        self.tail = _conv(channels, 3, 9)
        if skip == "bicubic":
            for parameter in self.tail.parameters():
                nn.init.zeros_(parameter)

    def translate(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of a network whose parts are block1, block2, … (iSeeBetter's SRGAN) under this network's names."""
        prefixes = self._prefixes()
        named = {_renamed(name, prefixes): value for name, value in weights.items()}
        # What torch saved before version 0.4.1 does not count the batches.
        for name in [name for name in named if name.endswith(".running_var")]:
            named.setdefault(name.replace("running_var", "num_batches_tracked"), torch.tensor(0))
        return named

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "srresnet")
        if self.training and self.norm == "batch":
            _check_statistics(degraded)
        features = self.head(degraded)
        features = features + self.trunk(self.body(features))
        residual: Tensor = self.tail(self.upsample(features))
        if self.output == "tanh":
            residual = residual.tanh()
        if self.skip == "none":
            return (residual + 1) / 2
        return residual + functional.interpolate(degraded, scale_factor=self.scale, mode="bicubic", align_corners=False)

    def _prefixes(self) -> dict[str, str]:
        """block1 is the head; then come the residual blocks, the trunk, and one for all upsampling and the tail."""
        blocks, stages = len(self.body), len(self.upsample)
        prefixes = {"block1.": "head.", f"block{blocks + 2}.": "trunk.", f"block{blocks + 3}.{stages}.": "tail."}
        prefixes |= {f"block{i + 2}.": f"body.{i}." for i in range(blocks)}
        for i in range(stages):
            prefixes[f"block{blocks + 3}.{i}.conv."] = f"upsample.{i}.0."
            prefixes[f"block{blocks + 3}.{i}.prelu."] = f"upsample.{i}.2."
        return prefixes


class ResidualBlock(nn.Module):
    """x + norm(conv(prelu(norm(conv(x))))), (N, channels, h, w) → the same."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.bn1 = _norm(channels, norm)
        self.prelu = nn.PReLU()
        self.conv2 = _conv(channels, channels)
        self.bn2 = _norm(channels, norm)

    def forward(self, features: Tensor) -> Tensor:
        branch: Tensor = self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(features)))))
        return features + branch


def _enlarge(channels: int, factor: int) -> nn.Sequential:
    return nn.Sequential(_conv(channels, channels * factor**2), nn.PixelShuffle(factor), nn.PReLU())


def _norm(channels: int, norm: Norm) -> nn.Module:
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()


def _conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def _renamed(name: str, prefixes: Mapping[str, str]) -> str:
    for prefix, own in prefixes.items():
        if name.startswith(prefix):
            return own + name.removeprefix(prefix)
    return name


def _check(channels: int, blocks: int, scale: int) -> None:
    if scale not in _STAGES:
        raise ComponentError(f"srresnet: scale {scale} is not offered; use 2, 3 or 4")
    if channels < 1 or blocks < 1:
        raise ComponentError(f"srresnet: channels and blocks are at least 1, not {channels} and {blocks}")


def _check_statistics(degraded: Tensor) -> None:
    if degraded.shape[0] * degraded.shape[-2] * degraded.shape[-1] == 1:
        raise ImageError("srresnet cannot learn batch statistics from one pixel; use larger patches or norm: none")
