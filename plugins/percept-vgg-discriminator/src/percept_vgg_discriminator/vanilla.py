"""The VGG-style discriminator of SRGAN (arXiv:1609.04802, Figure 4), in ESRGAN's layout (arXiv:1809.00219)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from percept.contracts import check_images
from percept.errors import ComponentError, ImageError
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

Norm = Literal["batch", "spectral", "none"]

# Five pairs of convolutions, of which the second halves the size: the least input is 2^5 pixels.
WIDTHS = (1, 2, 4, 8, 8)
MIN_SIZE = 2 ** len(WIDTHS)
POOLED = 4


class VGGDiscriminator(nn.Module):
    """Images (N, 3, H, W) in [0, 1], H, W ≥ 32 → logits (N, 1, 1, 1).

    channels  width of the first two convolutions; it doubles up to eightfold
    norm      `batch` as in the papers; `spectral`: every layer divided by its largest singular value
              (arXiv:1802.05957); `none`

    Images are mapped to [-1, 1] first, as SRGAN does. `backbone`: ten convolutions, (N, 3, H, W) →
    (N, 8·channels, H/32, W/32); `head`: the features averaged over a 4×4 grid, then two fully connected layers. An
    input of 128×128 has 4×4 features, so that the network is then exactly ESRGAN's, with 14.5 M parameters.
    Raises ComponentError for channels below 1; calling it raises ImageError for smaller images, and where batch
    normalisation is to learn from a single value: one image below 64×64.
    """

    def __init__(self, channels: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        if channels < 1:
            raise ComponentError(f"vanilla: channels is at least 1, not {channels}")
        self.norm = norm
        widths = [channels * factor for factor in WIDTHS]
        pairs = (_pair(before, width, norm) for before, width in pairwise(widths))
        self.backbone = nn.Sequential(_Centre(), _pair(3, channels, norm, first=True), *pairs)
        self.head = _Head(widths[-1], norm)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, "vanilla", MIN_SIZE)
        if self.training and self.norm == "batch":
            _check_statistics(images)
        logits: Tensor = self.head(self.backbone(images))
        return logits


class _Centre(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return 2 * images - 1


class _Head(nn.Module):
    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.hidden = _normed(nn.Linear(channels * POOLED**2, 100), norm)
        self.logit = _normed(nn.Linear(100, 1), norm)

    def forward(self, features: Tensor) -> Tensor:
        # On CUDA the gradient of adaptive pooling is not deterministic: at the papers' size it is not needed.
        if features.shape[-2:] != (POOLED, POOLED):
            features = functional.adaptive_avg_pool2d(features, POOLED)
        logits: Tensor = self.logit(functional.leaky_relu(self.hidden(features.flatten(1)), 0.2))
        return logits[..., None, None]


def _pair(inputs: int, outputs: int, norm: Norm, first: bool = False) -> nn.Sequential:
    narrow = _stage(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=first or norm != "batch"), norm, bare=first)
    return nn.Sequential(*narrow, *_stage(nn.Conv2d(outputs, outputs, 4, 2, 1, bias=norm != "batch"), norm))


def _stage(conv: nn.Conv2d, norm: Norm, bare: bool = False) -> list[nn.Module]:
    normalisation = [nn.BatchNorm2d(conv.out_channels)] if norm == "batch" and not bare else []
    return [_normed(conv, norm), *normalisation, nn.LeakyReLU(0.2, inplace=True)]


def _normed(layer: nn.Module, norm: Norm) -> nn.Module:
    return spectral_norm(layer) if norm == "spectral" else layer


def _check_statistics(images: Tensor) -> None:
    number, _, height, width = images.shape
    if number * (height // MIN_SIZE) * (width // MIN_SIZE) == 1:
        raise ImageError(
            f"vanilla cannot learn batch statistics from one image of {width}×{height}; "
            f"use a larger batch, a patch of {2 * MIN_SIZE} or more, or norm: spectral"
        )
