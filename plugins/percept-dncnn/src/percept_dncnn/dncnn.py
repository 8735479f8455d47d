"""DnCNN (Zhang et al., IEEE Transactions on Image Processing 26(7), 2017, arXiv:1608.03981), for colour images."""

from __future__ import annotations

from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError, ImageError
from torch import Tensor, nn

Norm = Literal["batch", "none"]

LEAST_GAIN = 0.025


class DnCNN(nn.Module):
    """(N, 3, h, w), around [0, 1] → less the noise that the network sees in it, same shape, not clamped; any h, w ≥ 1.

    channels  width of every layer
    layers    convolutions: 17 for noise of one known level, 20 for any level (§4.2)
    norm      `batch` normalisation in all layers but the first and last, as in the paper, or `none`: how trained
              networks are published, their normalisation merged into the convolutions

    558,403 parameters by default. Layers are named model.0, model.1, …, activations counted, as in published
    checkpoints. As in the authors' code, convolutions and the gains of normalisation start normally distributed with
    He's variance 2 / (9·channels), gains at least 0.025 from zero.
    Raises ComponentError for channels below 1 or layers below 2; calling it raises ImageError for anything but
    (N, 3, h, w), and where batch normalisation is to learn from a single pixel.
    """

    def __init__(self, channels: int = 64, layers: int = 17, norm: Norm = "batch") -> None:
        super().__init__()
        if channels < 1 or layers < 2:
            raise ComponentError(f"dncnn: at least 1 channel and 2 layers, not {channels} and {layers}")
        self.norm = norm
        middle = [layer for _ in range(layers - 2) for layer in _stage(channels, norm)]
        self.model = nn.Sequential(_conv(3, channels), nn.ReLU(inplace=True), *middle, _conv(channels, 3))
        _start(self.model, std=(2 / (9 * channels)) ** 0.5)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "dncnn")
        if self.training and self.norm == "batch":
            _check_statistics(degraded)
        noise: Tensor = self.model(degraded)
        return degraded - noise


def _stage(channels: int, norm: Norm) -> list[nn.Module]:
    if norm == "none":
        return [_conv(channels, channels), nn.ReLU(inplace=True)]
    # Normalisation takes any bias away again.
    return [_conv(channels, channels, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _conv(inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=bias)


@torch.no_grad()
def _start(layers: nn.Sequential, std: float) -> None:
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            # With gains of 1 the noise found at the start is many times larger than what is there.
            gains = nn.init.normal_(layer.weight, std=std)
            gains.copy_(gains.abs().clamp_min(LEAST_GAIN).copysign(gains))


def _check_statistics(degraded: Tensor) -> None:
    if degraded.shape[0] * degraded.shape[-2] * degraded.shape[-1] == 1:
        raise ImageError("dncnn cannot learn batch statistics from one pixel; use larger patches or norm: none")
