"""The PatchGAN discriminator (Isola et al., CVPR 2017, arXiv:1611.07004, §3.2.2 and §6.1.2)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Norm = Literal["spectral", "batch", "instance", "none"]


class PatchDiscriminator(nn.Module):
    """Images (N, 3, H, W) in [0, 1] → logits (N, 1, H/8 - 2, W/8 - 2), rounded down; each sees 70×70 pixels.

    channels   width of the first layer; it doubles up to eightfold
    layers     convolutions of stride 2; 3 gives 70×70 pixels and H/8, 1 to 5 give 16, 34, 70, 142, 286
    norm       `spectral`: every convolution divided by its largest singular value (Miyato et al., arXiv:1802.05957,
               one power iteration each forward pass in training); `batch` as in the paper; `instance`; `none`

    Images are mapped to [-1, 1] first, as in the paper. `backbone` is all before the last convolution, `head` that
    convolution. 2.76 M parameters by default.
    Raises ComponentError for channels or layers below 1; calling it raises ImageError for images below 3·2^layers
    pixels a side (24 by default), which give no logit.
    """

    def __init__(self, channels: int = 64, layers: int = 3, norm: Norm = "spectral") -> None:
        super().__init__()
        if channels < 1 or layers < 1:
            raise ComponentError(f"patch: channels and layers are at least 1, not {channels} and {layers}")
        self.min_size = 3 * 2**layers
        widths = [channels * min(2**i, 8) for i in range(layers + 1)]
        strides = [2] * (layers - 1) + [1]
        self.backbone = nn.Sequential(
            _Centre(),
            _stage(3, widths[0], 2, norm, first=True),
            *(_stage(*sizes, stride, norm) for sizes, stride in zip(pairwise(widths), strides, strict=True)),
        )
        self.head = _conv(widths[-1], 1, 1, norm)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, "patch", self.min_size)
        logits: Tensor = self.head(self.backbone(images))
        return logits


class _Centre(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return 2 * images - 1


def _stage(inputs: int, outputs: int, stride: int, norm: Norm, first: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [_conv(inputs, outputs, stride, norm, bias=first or norm != "batch")]
    if norm == "batch" and not first:
        layers.append(nn.BatchNorm2d(outputs))
    if norm == "instance" and not first:
        layers.append(nn.InstanceNorm2d(outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True))


def _conv(inputs: int, outputs: int, stride: int, norm: Norm, bias: bool = True) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, kernel_size=4, stride=stride, padding=1, bias=bias)
    return spectral_norm(conv) if norm == "spectral" else conv
