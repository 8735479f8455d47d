"""RLFN (Kong et al., CVPR Workshops 2022, arXiv:2205.07514), of any depth and width."""

from __future__ import annotations

from typing import Literal

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


class RLFN(nn.Module):
    """Residual local feature network: (N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped; any h, w.

    channels   width of the trunk: 46 in the network of the NTIRE 2022 challenge, 52 in the paper's RLFN
    inner      width inside the blocks: 48 in the challenge, else that of the trunk
    modules    blocks: 4 in the challenge, 6 in the paper's RLFN
    attention  channels of the attention to places: 16
    scale      2, 3 or 4
    skip       `none`: the paper's network; `bicubic`: the network, its last convolution zero at the start, adds to the
               bicubically enlarged input (a = -0.75, no antialiasing)

    Parameters at ×4: 317 K (46, 48, 4), 543 K (52, 52, 6). The state_dict has the names of the challenge's checkpoint.
    Sides below 15 pixels are continued to 15 by their last pixel, and what comes of that is cut off. Raises
    ComponentError for another scale, width or depth; calling it raises ImageError for anything but (N, 3, h, w).
    """

    def __init__(
        self,
        channels: int = 46,
        inner: int = 48,
        modules: int = 4,
        attention: int = 16,
        scale: int = 4,
        skip: Literal["none", "bicubic"] = "none",
    ) -> None:
        super().__init__()
        _check(scale, channels=channels, inner=inner, modules=modules, attention=attention)
        self.scale, self.skip = scale, skip
        self.blocks = [f"B{number}" for number in range(1, modules + 1)]
        self.fea_conv = _conv(3, channels)
        for name in self.blocks:
            self.add_module(name, LocalFeatureBlock(channels, inner, attention))
        self.LR_conv = _conv(channels, channels)
        last = _conv(channels, 3 * scale**2)
        self.upsampler = nn.Sequential(last, nn.PixelShuffle(scale))
        if skip == "bicubic":
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "rlfn")
        height, width = (side * self.scale for side in degraded.shape[-2:])
        output = self._enlarge(_continued(degraded) * LEVELS)[..., :height, :width] / LEVELS
        if self.skip == "none":
            return output
        return output + functional.interpolate(degraded, scale_factor=self.scale, mode="bicubic", align_corners=False)

    def _enlarge(self, levels: Tensor) -> Tensor:
        first: Tensor = self.fea_conv(levels)
        features = first
        for name in self.blocks:
            features = self.get_submodule(name)(features)
        output: Tensor = self.upsampler(first + self.LR_conv(features))
        return output


class LocalFeatureBlock(nn.Module):
    """Three convolutions around which the input is led, then attention; (N, channels, h, w) → the same."""

    def __init__(self, channels: int, inner: int, attention: int) -> None:
        super().__init__()
        self.c1_r = _conv(channels, inner)
        self.c2_r = _conv(inner, inner)
        self.c3_r = _conv(inner, channels)
        self.c5 = _mix(channels, channels)
        self.esa = SpatialAttention(channels, attention)

    def forward(self, features: Tensor) -> Tensor:
        inside = features
        for conv in (self.c1_r, self.c2_r, self.c3_r):
            inside = functional.leaky_relu(conv(inside), SLOPE)
        attended: Tensor = self.esa(self.c5(inside + features))
        return attended


class SpatialAttention(nn.Module):
    """Enhanced spatial attention with one convolution at the low resolution: places are weighed by what a few
    channels see at a sixth of the size; (N, channels, h, w) → the same, for h, w ≥ 15.
    """

    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.conv1 = _mix(channels, inside)
        self.conv_f = _mix(inside, inside)
        self.conv2 = nn.Conv2d(inside, inside, kernel_size=3, stride=2)
        self.conv3 = _conv(inside, inside)
        self.conv4 = _mix(inside, channels)

    def forward(self, features: Tensor) -> Tensor:
        reduced = self.conv1(features)
        seen = self.conv3(functional.max_pool2d(self.conv2(reduced), kernel_size=7, stride=3))
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


def _check(scale: int, **sizes: int) -> None:
    if scale not in SCALES:
        raise ComponentError(f"rlfn: scale {scale} is not offered; use 2, 3 or 4")
    for name, size in sizes.items():
        if size < 1:
            raise ComponentError(f"rlfn: {name} is at least 1, not {size}")
