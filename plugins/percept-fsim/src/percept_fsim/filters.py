"""Log-Gabor filters in the frequency domain: those of phase congruency, made once for each size."""

from __future__ import annotations

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
    backward   (32, H, w) complex: their conjugates, frequencies as torch.fft.rfft2 orders them
    threshold  (4,): noise threshold over the root of the median energy at the smallest scale
    """

    forward: Tensor
    backward: Tensor
    threshold: Tensor


@lru_cache(maxsize=4)
def bank_of(height: int, width: int, dtype: torch.dtype, device: str) -> Bank:
    """The filters for images of `height`×`width`. `dtype` is that of the images.

    A filter is real and neither even nor odd in frequency, so that its response is complex: the even-symmetric
    wavelet in the real part, the odd-symmetric one in the imaginary part. It is split here, which makes two real
    responses of real images.
    """
    with torch.inference_mode(False), torch.no_grad():
        filters = log_gabor(height, width)
        mirrored = filters.flip(-2, -1).roll((1, 1), (-2, -1))
        even, odd = (filters + mirrored) / 2, (filters - mirrored) / 2
        split = torch.stack([torch.complex(even, 0 * even), torch.complex(0 * odd, -odd)], dim=1)
        half = split[..., : width // 2 + 1] / (height * width)
        return Bank(
            half.mT.contiguous().to(device, dtype.to_complex()),
            half.conj().resolve_conj().flatten(0, 2).contiguous().to(device, dtype.to_complex()),
            _threshold(filters, even).to(device, dtype),
        )


def log_gabor(height: int, width: int) -> Tensor:
    """(4, 4, H, W) float64: orientation, scale, frequencies as torch.fft.fft2 orders them."""
    down, across = torch.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius = (across.square() + down.square()).sqrt()
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * ORDER))
    radius[0, 0] = 1
    octaves = torch.stack([(radius * SHORTEST * 2**scale).log() for scale in range(SCALES)])
    radial = (-octaves.square() / (2 * log(BANDWIDTH) ** 2)).exp() * low_pass
    radial[:, 0, 0] = 0
    angle = torch.atan2(-down, across)
    angles = [pi * orientation / ORIENTATIONS for orientation in range(ORIENTATIONS)]
    return torch.stack([radial * _angular(angle, towards) for towards in angles])


def _angular(angle: Tensor, towards: float) -> Tensor:
    sine = angle.sin() * cos(towards) - angle.cos() * sin(towards)
    cosine = angle.cos() * cos(towards) + angle.sin() * sin(towards)
    return (-torch.atan2(sine, cosine).square() / (2 * SPREAD**2)).exp()


def _frequencies(size: int) -> Tensor:
    """(size,) float64, 0 first. An odd side is divided by size - 1, as in the authors' code, and so reaches ±1/2."""
    frequencies = torch.arange(size, dtype=torch.float64) - size // 2
    shifted: Tensor = torch.fft.ifftshift(frequencies / (size - size % 2))
    return shifted


def _threshold(filters: Tensor, even: Tensor) -> Tensor:
    """(4,): what the root of the median energy at the smallest scale is multiplied with.

    Kovesi's estimate: the energy's median over ln 2 is its mean, that over the filter's power the noise's power. The
    sum of the squared and paired even wavelets is, by Parseval, the power of their sum.
    """
    power = even.sum(1).square().sum((-2, -1)) / filters[:, 0].square().sum((-2, -1)) / log(2)
    return power.sqrt() * (sqrt(pi / 2) + DEVIATIONS * sqrt(2 - pi / 2)) / OVERESTIMATED
