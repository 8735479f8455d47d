"""RFDN (Liu, Tang, Wu, ECCV Workshops 2020, arXiv:2009.11551), of any depth and width."""

from __future__ import annotations

from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn import functional

SCALES = (2, 3, 4)
SLOPE = 0.05  # of every leaky ReLU
# The authors train in grey levels; in [0, 1] the biases would learn 255 times as fast.
LEVELS = 255.0
# The attention's strided convolution leaves 7 pixels of 15, which is what its pooling needs.
LEAST = 15


class RFDN(nn.Module):
    """Residual feature distillation network: (N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped; any h, w.

    channels  width of the trunk, at least 4: 50 in E-RFDN, which won the AIM 2020 challenge; 48 or 52 in the paper
    modules   distillation blocks: 4 in E-RFDN, 6 in the paper
    scale     2, 3 or 4
    skip      `none`: the paper's network; `bicubic`: the network, its last convolution zero at the start, adds to the
              bicubically enlarged input (a = -0.75, no antialiasing)

    Parameters at ×4: 433 K (50, 4). The state_dict has the names of the authors' checkpoint. Sides below 15 pixels are
    continued to 15 by their last pixel, and what comes of that is cut off. Raises ComponentError for another scale,
    width or depth; calling it raises ImageError for anything but (N, 3, h, w).
    """

    def __init__(
        self, channels: int = 50, modules: int = 4, scale: int = 4, skip: Literal["none", "bicubic"] = "none"
    ) -> None:
        super().__init__()
        _check(channels, modules, scale)
        self.scale, self.skip = scale, skip
        self.blocks = [f"B{number}" for number in range(1, modules + 1)]
        self.fea_conv = _conv(3, channels)
        for name in self.blocks:
            self.add_module(name, DistillationBlock(channels))
        self.c = nn.Sequential(_mix(channels * modules, channels), nn.LeakyReLU(SLOPE))
        self.LR_conv = _conv(channels, channels)
        last = _conv(channels, 3 * scale**2)
        self.upsampler = nn.Sequential(last, nn.PixelShuffle(scale))
        if skip == "bicubic":
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "rfdn")
        height, width = (side * self.scale for side in degraded.shape[-2:])
        output = self._enlarge(_continued(degraded) * LEVELS)[..., :height, :width] / LEVELS
        if self.skip == "none":
            return output
        return output + functional.interpolate(degraded, scale_factor=self.scale, mode="bicubic", align_corners=False)

    def _enlarge(self, levels: Tensor) -> Tensor:
        first: Tensor = self.fea_conv(levels)
        found = [first]
        for name in self.blocks:
            found.append(self.get_submodule(name)(found[-1]))
        output: Tensor = self.upsampler(first + self.LR_conv(self.c(torch.cat(found[1:], dim=1))))
        return output


class DistillationBlock(nn.Module):
    """Three shallow residual steps, before each of which a 1×1 convolution distils half as many channels off;
    (N, channels, h, w) → the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        kept = channels // 2
        self.c1_d, self.c1_r = _mix(channels, kept), _conv(channels, channels)
        self.c2_d, self.c2_r = _mix(channels, kept), _conv(channels, channels)
        self.c3_d, self.c3_r = _mix(channels, kept), _conv(channels, channels)
        self.c4 = _conv(channels, kept)
        self.c5 = _mix(4 * kept, channels)
        self.esa = SpatialAttention(channels)

    def forward(self, features: Tensor) -> Tensor:
        kept = []
        for distil, refine in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
            kept.append(functional.leaky_relu(distil(features), SLOPE))
            features = functional.leaky_relu(refine(features) + features, SLOPE)
        kept.append(functional.leaky_relu(self.c4(features), SLOPE))
        attended: Tensor = self.esa(self.c5(torch.cat(kept, dim=1)))
        return attended


class SpatialAttention(nn.Module):
    """Enhanced spatial attention (Liu, Zhang, Tang, Wu, CVPR 2020): places are weighed by what a quarter of the
    channels sees at a sixth of the size; (N, channels, h, w) → the same, for h, w ≥ 15.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = channels // 4
        self.conv1 = _mix(channels, inside)
        self.conv_f = _mix(inside, inside)
        self.conv2 = nn.Conv2d(inside, inside, kernel_size=3, stride=2)
        self.conv_max = _conv(inside, inside)
        self.conv3 = _conv(inside, inside)
        self.conv3_ = _conv(inside, inside)
        self.conv4 = _mix(inside, channels)

    def forward(self, features: Tensor) -> Tensor:
        reduced = self.conv1(features)
        seen = functional.max_pool2d(self.conv2(reduced), kernel_size=7, stride=3)
        seen = self.conv3_(self.conv3(self.conv_max(seen).relu()).relu())
        seen = functional.interpolate(seen, features.shape[-2:], mode="bilinear", align_corners=False)
        weights: Tensor = self.conv4(seen + self.conv_f(reduced)).sigmoid()
        return features * weights


def _continued(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    if min(height, width) >= LEAST:
        return images
    return functional.pad(images, (0, max(0, LEAST - width), 0, max(0, LEAST - height)), mode="replicate")


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def _mix(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=1)


def _check(channels: int, modules: int, scale: int) -> None:
    if scale not in SCALES:
        raise ComponentError(f"rfdn: scale {scale} is not offered; use 2, 3 or 4")
    if channels < 4 or modules < 1:
        raise ComponentError(f"rfdn: channels is at least 4 and modules at least 1, not {channels} and {modules}")
