"""SDSP, saliency by combining simple priors: Zhang, Gu, Li, ICIP 2013, as the authors of VSI use it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from percept.primitives import mix
from torch import Tensor
from torch.autograd.function import once_differentiable

from percept_fsim.curves import Curve, curve, stretch
from percept_fsim.resize import imresize_bilinear

SIDE = 256  # saliency is found on images of this size
CENTRE, BANDWIDTH = 0.021, 1.34  # log-Gabor: cycles a pixel, and deviation of the logarithm
NEAR = 145.0  # pixels: deviation (by √2) of attention to the centre
COLD = 0.001  # deviation (by √2) of inattention to cold colours, of their range
TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)  # sRGB's, whose white is D65
WHITE = (0.9642, 1.0, 0.8251)  # D50, all the same
TO_LAB = ((0.0, 116.0, 0.0), (500.0, -500.0, 0.0), (0.0, 200.0, -200.0))  # without L's -16, which no filter passes
SRGB = Curve(knee=0.04045, slope=1 / 12.92, offset=0.055, exponent=2.4)
CIE = Curve(knee=0.008856, slope=903.3 / 116, offset=0.0, exponent=1 / 3)  # its line meets the power within 7e-7
NO_COLD = -80.0  # exponent below which exp counts as 0: it is slow where it underflows
LEAST_COLOURS = 1e-3  # added to the range of a and of b, which is up to 200: below it is rounding
LEAST_SALIENCY = 1e-5  # added to that of saliency before it is stretched, which is of the order of 10
TINY = 1e-12  # added below the root of the filtered colours' length


class Priors(NamedTuple):
    """What does not depend on the image.

    bands   (256, 129) complex: log-Gabor filter, frequencies as torch.fft.rfft2 orders them
    centre  (256, 256): attention to the centre
    """

    bands: Tensor
    centre: Tensor


def saliency(images: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] → visual saliency (N, 1, H, W) in [0, 1]; 0 everywhere in a flat image."""
    colours = lab(imresize_bilinear(images, (SIDE, SIDE)))
    bands, centre = priors(images.dtype, str(images.device))
    filtered: Tensor = _Filter.apply(colours, bands)
    frequency = (filtered.square().sum(1, keepdim=True) + TINY).sqrt()
    warm = stretch(colours[:, 1:], LEAST_COLOURS).square().sum(1, keepdim=True)
    colour = 1 - (-warm / COLD**2).clamp_min(NO_COLD).exp()
    height, width = images.shape[-2:]
    return stretch(imresize_bilinear(frequency * centre * colour, (height, width)), LEAST_SALIENCY)


def lab(images: Tensor) -> Tensor:
    """(N, 3, h, w), sRGB in [0, 1] → CIE L*a*b* with the constants of the authors' code; L* is too large by 16."""
    linear = curve(images, SRGB)
    xyz = mix(linear, [[weight / white for weight in row] for row, white in zip(TO_XYZ, WHITE, strict=True)])
    return mix(curve(xyz, CIE), TO_LAB)


class _Filter(torch.autograd.Function):
    """Maps (N, C, 256, 256) filtered with real, even bands; that is its own transpose."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, bands: Tensor) -> Tensor:
        ctx.bands = bands
        return _filtered(maps, bands)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:
        return _filtered(slopes, ctx.bands), None


def _filtered(maps: Tensor, bands: Tensor) -> Tensor:
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(maps).mul_(bands), s=maps.shape[-2:])
    return filtered


@lru_cache(maxsize=4)
def priors(dtype: torch.dtype, device: str) -> Priors:
    """For 256×256 pixels."""
    with torch.inference_mode(False), torch.no_grad():
        down, across = torch.meshgrid(_frequencies(), _frequencies()[: SIDE // 2 + 1], indexing="ij")
        radius = (across.square() + down.square()).sqrt()
        bands = (-(radius / CENTRE).log().square() / (2 * BANDWIDTH**2)).exp() * (radius <= 0.5)
        bands[0, 0] = 0
        away = (torch.arange(1, SIDE + 1, dtype=torch.float64) - SIDE / 2).square()
        centre = (-(away[:, None] + away) / NEAR**2).exp()
        return Priors(
            torch.complex(bands, 0 * bands).to(device, dtype.to_complex()),  # real ones would be multiplied slowly
            centre.to(device, dtype),
        )


def _frequencies() -> Tensor:
    frequencies: Tensor = torch.fft.fftfreq(SIDE, dtype=torch.float64)
    return frequencies
