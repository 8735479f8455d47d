"""The U-Net discriminator of Real-ESRGAN (Wang et al., ICCV Workshops 2021, arXiv:2107.10833, §3.4 and Figure 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

Norm = Literal["spectral", "none"]

# Three halvings: sides are filled up to a multiple of eight.
MIN_SIZE = 8
_PUBLISHED = re.compile(r"(conv\d)\.(?:(weight_orig|weight_u|weight_v)|(\w+))")
_PARAMETRISED = {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}


class UNetDiscriminator(nn.Module):
    """Images (N, 3, H, W) in [0, 1], H, W ≥ 8 → logits (N, 1, H, W).

    channels  width at full size; it doubles with each halving up to eightfold
    norm      `spectral`: every convolution but the first and the last divided by its largest singular value (Miyato
              et al., arXiv:1802.05957, one power iteration each forward in training); `none`

    `backbone`: four convolutions, (N, 3, H, W) → (N, 8·channels, H/8, W/8), rounded up. 4,376,897 parameters by
    default. Sides that are no multiple of 8 are filled up with copies of their last row or column, the logits cropped.
    Images are taken as they are, in [0, 1], which is what the published weights expect; those weights' names are
    `translate`d. Raises ComponentError for channels below 1; calling it raises ImageError for smaller images.
    """

    def __init__(self, channels: int = 64, norm: Norm = "spectral") -> None:
        super().__init__()
        if channels < 1:
            raise ComponentError(f"pixel: channels is at least 1, not {channels}")
        self.backbone = Encoder(channels, norm)
        self.conv4 = _conv(8 * channels, 4 * channels, norm)
        self.conv5 = _conv(4 * channels, 2 * channels, norm)
        self.conv6 = _conv(2 * channels, channels, norm)
        self.conv7 = _conv(channels, channels, norm)
        self.conv8 = _conv(channels, channels, norm)
        self.conv9 = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, "pixel", MIN_SIZE)
        *skips, features = self.backbone.levels(images)
        for conv, skip in zip((self.conv4, self.conv5, self.conv6), reversed(skips), strict=True):
            features = _active(conv(_enlarged(features))) + skip
        for conv in (self.conv7, self.conv8):
            features = _active(conv(features))
        logits: Tensor = self.conv9(features)
        return logits[..., : images.shape[-2], : images.shape[-1]]

    def translate(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Real-ESRGAN's names, `conv0.weight`, `conv1.weight_orig`, `conv1.weight_u`, …, as this network's."""
        return {_renamed(name): value for name, value in weights.items()}


class Encoder(nn.Module):
    """(N, 3, H, W) → (N, 8·channels, H/8, W/8), rounded up: the contracting half."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, channels, 3, padding=1)
        self.conv1 = _conv(channels, 2 * channels, norm, halve=True)
        self.conv2 = _conv(2 * channels, 4 * channels, norm, halve=True)
        self.conv3 = _conv(4 * channels, 8 * channels, norm, halve=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.levels(images)[-1]

    def levels(self, images: Tensor) -> list[Tensor]:
        """The features at 1, 1/2, 1/4 and 1/8 of the size."""
        height, width = images.shape[-2:]
        if height % MIN_SIZE or width % MIN_SIZE:
            # Not by reflection, whose gradient is not deterministic on CUDA.
            images = functional.pad(images, (0, -width % MIN_SIZE, 0, -height % MIN_SIZE), mode="replicate")
        if images.device.type == "cpu":
            # A third faster at 16 channels, equal at 64: convolutions and enlarging then agree on a layout.
            images = images.contiguous(memory_format=torch.channels_last)
        levels = [_active(self.conv0(images))]
        for conv in (self.conv1, self.conv2, self.conv3):
            levels.append(_active(conv(levels[-1])))
        return levels


def _conv(inputs: int, outputs: int, norm: Norm, halve: bool = False) -> nn.Module:
    size, stride = (4, 2) if halve else (3, 1)
    conv = nn.Conv2d(inputs, outputs, size, stride, padding=1, bias=False)
    return spectral_norm(conv) if norm == "spectral" else conv


def _active(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, 0.2, inplace=True)


def _enlarged(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


def _renamed(name: str) -> str:
    match = _PUBLISHED.fullmatch(name)
    if not match:
        return name
    conv, parametrised, plain = match.groups()
    place = f"backbone.{conv}" if conv < "conv4" else conv
    return f"{place}.parametrizations.weight.{_PARAMETRISED[parametrised]}" if parametrised else f"{place}.{plain}"
