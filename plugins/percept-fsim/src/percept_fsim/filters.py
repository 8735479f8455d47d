"""Log-Gabor filters in the frequency domain: those of phase congruency, made once for each size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import cos, log, pi, sin, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

SCALES = 4
ORIENTATIONS = 4
SHORTEST = 6  # wavelength of the smallest scale, pixels; it doubles from scale to scale
BANDWIDTH = 0.55  # deviation of the log-Gabor's Gaussian over its centre frequency
SPREAD = pi / ORIENTATIONS / 1.2  # standard deviation of the angular Gaussian
CUTOFF, ORDER = 0.45, 15  # of the Butterworth low-pass that all filters share
DEVIATIONS = 2.0  # of the noise energy, above its mean, at which its threshold lies
OVERESTIMATED = 1.7  # factor by which the threshold is too high for this measure of phase congruency


class Bank(NamedTuple):
    """Filters for one size of image.

    forward    (4, 2, 4, w, H) complex: orientation, even or odd, scale, then frequencies: along the rows (half of
               them, w = W // 2 + 1) before those along the columns. Divided by H·W
    threshold  (4,): noise threshold over the root of the median energy at the smallest scale
    """

    forward: Tensor
    threshold: Tensor


@lru_cache(maxsize=4)
def bank_of(height: int, width: int, dtype: torch.dtype, device: str) -> Bank:
    """The filters for images of `height`×`width`. `dtype` is that of the images.

    A filter is real and neither even nor odd in frequency, so that its response is complex: the even-symmetric
    wavelet in the real part, the odd-symmetric one in the imaginary part. It is split here, which makes two real
    responses of real images. One orientation at a time: in float64 all of them would be many times the result.
    """
    half = width // 2 + 1
    with torch.inference_mode(False), torch.no_grad():
        split = torch.zeros(ORIENTATIONS, 2, SCALES, half, height, 2, dtype=dtype)  # real and imaginary parts last
        thresholds = []
        for orientation, (even, odd, threshold) in enumerate(_orientations(height, width)):
            split[orientation, 0, ..., 0] = (even[..., :half] / (height * width)).mT
            split[orientation, 1, ..., 1] = (-odd[..., :half] / (height * width)).mT
            thresholds.append(threshold)
        return Bank(torch.view_as_complex(split).to(device), torch.stack(thresholds).to(device, dtype))


@lru_cache(maxsize=4)
def adjoint_of(height: int, width: int, dtype: torch.dtype, device: str) -> Tensor:
    """(32, H, w) complex: the conjugates of the filters, frequencies as torch.fft.rfft2 orders them."""
    with torch.inference_mode(False), torch.no_grad():
        forward = bank_of(height, width, dtype, device).forward
        return forward.mT.flatten(0, 2).conj().resolve_conj().contiguous()


def _orientations(height: int, width: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Even and odd parts of the filters (4, H, W), float64, and the factor of the noise threshold, of each orientation.

    That factor is what the root of the median energy at the smallest scale is multiplied with. Kovesi's estimate: the
    energy's median over ln 2 is its mean, that over the filter's power the noise's power. The sum of the squared and
    paired even wavelets is, by Parseval, the power of their sum.
    """
    for filters in log_gabor(height, width):
        mirrored = filters.flip(-2, -1).roll((1, 1), (-2, -1))
        even, odd = (filters + mirrored) / 2, (filters - mirrored) / 2
        power = even.sum(0).square().sum() / filters[0].square().sum() / log(2)
        yield even, odd, power.sqrt() * (sqrt(pi / 2) + DEVIATIONS * sqrt(2 - pi / 2)) / OVERESTIMATED


def log_gabor(height: int, width: int) -> Iterator[Tensor]:
    """(4, H, W) float64 of each of the 4 orientations: scale, frequencies as torch.fft.fft2 orders them."""
    down, across = torch.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius = (across.square() + down.square()).sqrt()
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * ORDER))
    radius[0, 0] = 1
    octaves = torch.stack([(radius * SHORTEST * 2**scale).log() for scale in range(SCALES)])
    radial = (-octaves.square() / (2 * log(BANDWIDTH) ** 2)).exp() * low_pass
    radial[:, 0, 0] = 0
    angle = torch.atan2(-down, across)
    for orientation in range(ORIENTATIONS):
        yield radial * _angular(angle, pi * orientation / ORIENTATIONS)


def _angular(angle: Tensor, towards: float) -> Tensor:
    sine = angle.sin() * cos(towards) - angle.cos() * sin(towards)
    cosine = angle.cos() * cos(towards) + angle.sin() * sin(towards)
    return (-torch.atan2(sine, cosine).square() / (2 * SPREAD**2)).exp()


def _frequencies(size: int) -> Tensor:
    """(size,) float64, 0 first. An odd side is divided by size - 1, as in the authors' code, and so reaches ±1/2."""
    frequencies = torch.arange(size, dtype=torch.float64) - size // 2
    shifted: Tensor = torch.fft.ifftshift(frequencies / (size - size % 2))
    return shifted
