"""SRVGG, the compact network of Real-ESRGAN (Wang et al., ICCV Workshops 2021, arXiv:2107.10833), of any size."""

from __future__ import annotations

from typing import Literal

from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn import functional

SCALES = (1, 2, 3, 4)
SLOPE = 0.1  # of the leaky ReLU

Activation = Literal["prelu", "leaky", "relu"]


class SRVGG(nn.Module):
    """Plain stack of convolutions: (N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped; any h, w ≥ 1.

    It adds to the input, enlarged by repeating its pixels.

    channels    width of every layer: 64
    convs       convolutions between the first and the last: 16 in realesr-animevideov3, 32 in realesr-general-x4v3
    scale       1, 2, 3 or 4
    activation  `prelu` with a slope a channel, as published; `leaky`, of slope 0.1; or `relu`

    Parameters at ×4: 621 K (64, 16), 1.21 M (64, 32). The state_dict has the names of the published checkpoints. Raises
    ComponentError for another scale or activation, or a width or depth below 1; calling it raises ImageError for
    anything but (N, 3, h, w).
    """

    def __init__(self, channels: int = 64, convs: int = 16, scale: int = 4, activation: Activation = "prelu") -> None:
        super().__init__()
        _check(channels, convs, scale, activation)
        self.scale = scale
        layers: list[nn.Module] = []
        for number in range(convs + 1):
            layers += [_conv(channels if number else 3, channels), _activation(activation, channels)]
        self.body = nn.Sequential(*layers, _conv(channels, 3 * scale**2))

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "srvgg")
        detail = functional.pixel_shuffle(self.body(degraded), self.scale)
        return detail + functional.interpolate(degraded, scale_factor=self.scale, mode="nearest")


def _activation(name: Activation, channels: int) -> nn.Module:
    if name == "prelu":
        return nn.PReLU(channels)
    return nn.LeakyReLU(SLOPE, inplace=True) if name == "leaky" else nn.ReLU(inplace=True)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def _check(channels: int, convs: int, scale: int, activation: str) -> None:
    if scale not in SCALES:
        raise ComponentError(f"srvgg: scale {scale} is not offered; use 1, 2, 3 or 4")
    if activation not in ("prelu", "leaky", "relu"):
        raise ComponentError(f"srvgg: no activation {activation!r}; use prelu, leaky or relu")
    if channels < 1 or convs < 1:
        raise ComponentError(f"srvgg: channels and convs are at least 1, not {channels} and {convs}")
