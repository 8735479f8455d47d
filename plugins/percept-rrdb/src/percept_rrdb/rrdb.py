"""RRDBNet, the generator of ESRGAN (Wang et al., ECCV Workshops 2018, arXiv:1809.00219) and Real-ESRGAN
(Wang et al., ICCV Workshops 2021, arXiv:2107.10833).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn import functional

from percept_rrdb.names import translated

# The network itself magnifies so much; for lower scales it is given smaller images with more channels.
MAGNIFIES = 4
SCALES = (1, 2, 4)
RESIDUAL_SCALE = 0.2
# Factor on He's initialisation of the dense blocks (ESRGAN, §3.1: a smaller one eases the training of deep networks).
START = 0.1


class RRDBNet(nn.Module):
    """(N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped; any h, w ≥ 1.

    channels  width of all but the dense layers
    blocks    residual-in-residual dense blocks: 23 in the papers, 6 in Real-ESRGAN's network for anime
    growth    channels that each dense layer adds
    scale     4; 2 and 1 as in Real-ESRGAN: blocks of 2×2 or 4×4 pixels become channels, and the network magnifies
              four times. Sides that are no multiple of 2 or 4 are made so by replication, and the output is cropped.
    skip      `none`: the published network; `bicubic`: the network, its last convolution zero at the start, adds to
              the bicubically enlarged input (a = -0.75, no antialiasing)

    16.70 M parameters by default. Its names are Real-ESRGAN's. Raises ComponentError for another scale or for
    channels, blocks or growth below 1; calling it raises ImageError for anything but (N, 3, h, w).
    """

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 23,
        growth: int = 32,
        scale: int = 4,
        skip: Literal["none", "bicubic"] = "none",
    ) -> None:
        super().__init__()
        _check(channels, blocks, growth, scale)
        self.scale = scale
        self.skip = skip
        self.fold = MAGNIFIES // scale
        self.conv_first = _conv(3 * self.fold**2, channels)
        self.body = nn.Sequential(*(RRDB(channels, growth) for _ in range(blocks)))
        self.conv_body = _conv(channels, channels)
        self.conv_up1 = _conv(channels, channels)
        self.conv_up2 = _conv(channels, channels)
        self.conv_hr = _conv(channels, channels)
        self.conv_last = _conv(channels, 3)
        if skip == "bicubic":
            for parameter in self.conv_last.parameters():
                nn.init.zeros_(parameter)

    def translate(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of ESRGAN, old or new, or BSRGAN, under this network's names; shapes are not looked at."""
        return translated(weights)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "rrdb")
        features = self.conv_first(self._folded(degraded))
        features = features + self.conv_body(self.body(features))
        for conv in (self.conv_up1, self.conv_up2):
            features = _rectified(conv(functional.interpolate(features, scale_factor=2, mode="nearest")))
        output: Tensor = self.conv_last(_rectified(self.conv_hr(features)))
        height, width = degraded.shape[-2:]
        output = output[..., : height * self.scale, : width * self.scale]
        return output if self.skip == "none" else output + self._base(degraded)

    def _folded(self, degraded: Tensor) -> Tensor:
        if self.fold == 1:
            return degraded
        height, width = degraded.shape[-2:]
        # Replication, because reflection needs more pixels than it adds: 4×4 from 1×1 must work.
        padded = functional.pad(degraded, (0, -width % self.fold, 0, -height % self.fold), mode="replicate")
        return functional.pixel_unshuffle(padded, self.fold)

    def _base(self, degraded: Tensor) -> Tensor:
        return functional.interpolate(degraded, scale_factor=self.scale, mode="bicubic", align_corners=False)


class RRDB(nn.Module):
    """x + 0.2 · (three dense blocks in a row)(x), (N, channels, h, w) → the same."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(channels, growth) for _ in range(3))

    def forward(self, features: Tensor) -> Tensor:
        return torch.add(features, self.rdb3(self.rdb2(self.rdb1(features))), alpha=RESIDUAL_SCALE)


class DenseBlock(nn.ModuleDict):
    """x + 0.2 · conv5(x, f1, …, f4), fi = LeakyReLU(convi(x, f1, …)); (N, channels, h, w) → the same."""

    def __init__(self, channels: int, growth: int) -> None:
        widths = (growth, growth, growth, growth, channels)
        super().__init__({f"conv{i + 1}": _dense(channels + i * growth, width) for i, width in enumerate(widths)})

    def forward(self, features: Tensor) -> Tensor:
        *dense, last = self.values()
        seen = [features]
        for conv in dense:
            seen.append(_rectified(conv(torch.cat(seen, 1))))
        return torch.add(features, last(torch.cat(seen, 1)), alpha=RESIDUAL_SCALE)


def _rectified(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, 0.2, inplace=True)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def _dense(inputs: int, outputs: int) -> nn.Conv2d:
    conv = _conv(inputs, outputs)
    with torch.no_grad():
        nn.init.kaiming_normal_(conv.weight).mul_(START)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # this convolution has a bias
    return conv


def _check(channels: int, blocks: int, growth: int, scale: int) -> None:
    if scale not in SCALES:
        raise ComponentError(f"rrdb: scale {scale} is not offered; use 1, 2 or 4")
    if min(channels, blocks, growth) < 1:
        raise ComponentError(f"rrdb: channels, blocks and growth are at least 1, not {channels}, {blocks} and {growth}")
