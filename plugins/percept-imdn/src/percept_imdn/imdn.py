"""IMDN (Hui, Gao, Yang, Wang, ACM Multimedia 2019, arXiv:1909.11856), of any depth and width."""

from __future__ import annotations

from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from percept.primitives import safe_sqrt
from torch import Tensor, nn
from torch.nn import functional

SCALES = (2, 3, 4)
SLOPE = 0.05  # of every leaky ReLU
REDUCTION = 16  # of the channels inside the attention


class IMDN(nn.Module):
    """Information multi-distillation network: (N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped; any h, w.

    channels  width of the trunk, a multiple of 4: 64 in the paper
    modules   distillation blocks: 6 in the paper
    scale     2, 3 or 4
    skip      `none`: the paper's network; `bicubic`: the network, its last convolution zero at the start, adds to the
              bicubically enlarged input (a = -0.75, no antialiasing)

    Parameters: 694 K at ×2, 703 K at ×3, 715 K at ×4, as in the paper. The state_dict has the names of the authors'
    checkpoints. Raises ComponentError for another scale, width or depth; calling it raises ImageError for anything but
    (N, 3, h, w).
    """

    def __init__(
        self, channels: int = 64, modules: int = 6, scale: int = 4, skip: Literal["none", "bicubic"] = "none"
    ) -> None:
        super().__init__()
        _check(channels, modules, scale)
        self.scale, self.skip = scale, skip
        self.blocks = [f"IMDB{number}" for number in range(1, modules + 1)]
        self.fea_conv = _conv(3, channels)
        for name in self.blocks:
            self.add_module(name, DistillationBlock(channels))
        self.c = nn.Sequential(nn.Conv2d(channels * modules, channels, kernel_size=1), nn.LeakyReLU(SLOPE))
        self.LR_conv = _conv(channels, channels)
        last = _conv(channels, 3 * scale**2)
        self.upsampler = nn.Sequential(last, nn.PixelShuffle(scale))
        if skip == "bicubic":
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "imdn")
        first: Tensor = self.fea_conv(degraded)
        found = [first]
        for name in self.blocks:
            found.append(self.get_submodule(name)(found[-1]))
        output: Tensor = self.upsampler(first + self.LR_conv(self.c(torch.cat(found[1:], dim=1))))
        if self.skip == "none":
            return output
        return output + functional.interpolate(degraded, scale_factor=self.scale, mode="bicubic", align_corners=False)


class DistillationBlock(nn.Module):
    """Each of three convolutions sets a quarter of its channels aside; (N, channels, h, w) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kept = channels // 4
        passed = channels - self.kept
        self.c1 = _conv(channels, channels)
        self.c2 = _conv(passed, channels)
        self.c3 = _conv(passed, channels)
        self.c4 = _conv(passed, self.kept)
        self.cca = ContrastAttention(channels)
        self.c5 = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        passed, kept = features, []
        for conv in (self.c1, self.c2, self.c3):
            aside, passed = functional.leaky_relu(conv(passed), SLOPE).tensor_split([self.kept], dim=1)
            kept.append(aside)
        fused: Tensor = self.c5(self.cca(torch.cat([*kept, self.c4(passed)], dim=1)))
        return fused + features


class ContrastAttention(nn.Module):
    """Each channel is weighed by what two 1×1 convolutions make of all channels' mean + standard deviation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = max(1, channels // REDUCTION)
        self.conv_du = nn.Sequential(
            nn.Conv2d(channels, inside, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(inside, channels, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        variance, mean = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
        weights: Tensor = self.conv_du(mean + safe_sqrt(variance))
        return features * weights


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def _check(channels: int, modules: int, scale: int) -> None:
    if scale not in SCALES:
        raise ComponentError(f"imdn: scale {scale} is not offered; use 2, 3 or 4")
    if channels < 4 or channels % 4:
        raise ComponentError(f"imdn: channels is a multiple of 4, not {channels}")
    if modules < 1:
        raise ComponentError(f"imdn: modules is at least 1, not {modules}")
