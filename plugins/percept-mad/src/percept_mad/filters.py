"""Frequency responses, which depend on the size of the images alone, on the grids that the authors' code uses."""

from __future__ import annotations

from functools import lru_cache
from math import log, pi
from typing import NamedTuple

import torch
from torch import Tensor

SCALES, ORIENTATIONS = 5, 4
SHORTEST = 3.0  # wavelength of the finest filter in pixels; each scale has three times that of the one before
SIGMA_ON_F = 0.55  # standard deviation of the log-Gaussian over its centre frequency
SIGMA_THETA = pi / ORIENTATIONS / 1.5  # of the angular Gaussian, in radians
NYQUIST = 32.0  # cycles a degree at half the sampling frequency, along the image's width


class Bank(NamedTuple):
    """Log-Gabor filters on the half spectrum of rfft2, in factors that are even or odd under f → -f.

    radial   (5, 2, H, W // 2 + 1), scales by parity
    angular  (4, 2, H, W // 2 + 1), orientations by parity
    skewed   whether the radial part has an odd part, as it has if H or W is odd
    """

    radial: Tensor
    angular: Tensor
    skewed: bool

    def filters(self, scale: int, orientations: slice) -> tuple[Tensor, Tensor]:
        """Even and odd parts of the k filters of that scale and those orientations: (k, H, W // 2 + 1)."""
        radial, skew = self.radial[scale]
        even, odd = self.angular[orientations].unbind(1)
        if not self.skewed:
            return radial * even, radial * odd
        return radial * even + skew * odd, radial * odd + skew * even


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # what is kept must serve training, too
def log_gabor(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Bank:
    """Kovesi's filters as MAD sets them up. At odd sizes their grid lies half a sample off the origin, as there."""
    y, x = (torch.arange(size, dtype=torch.float64) * 2 / size - 1 for size in (height, width))
    y, x = y[:, None], x[None, :]
    radius, theta = (x.square() + y.square()).sqrt(), torch.atan2(-y, x)
    centre = (height + 1) // 2, (width + 1) // 2
    radius[centre] = 1
    radial = []
    for scale in range(SCALES):
        response = (-(radius * SHORTEST * 3**scale / 2).log().square() / (2 * log(SIGMA_ON_F) ** 2)).exp()
        response[centre] = 0
        radial.append(response)
    angular = []
    for orientation in range(ORIENTATIONS):
        turn = theta - orientation * pi / ORIENTATIONS
        angle = torch.atan2(turn.sin(), turn.cos())
        angular.append((-angle.square() / (2 * SIGMA_THETA**2)).exp())
    scales, orientations = (_by_parity(torch.stack(parts)).to(device, dtype) for parts in (radial, angular))
    return Bank(scales, orientations, skewed=bool(height % 2 or width % 2))


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # what is kept must serve training, too
def contrast_sensitivity(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(H, W // 2 + 1): CSF of Mannos and Sakrison, made low-pass, 3 dB down on diagonals.

    The authors' grid lies half a sample off the origin; the real part that they take of the result makes it even.
    """
    y, x = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2 for size in (height, width))
    y, x = y[:, None], x[None, :]
    radius = (x.square() + y.square()).sqrt() * (2 * NYQUIST / width)
    frequency = radius / (0.15 * (4 * torch.atan2(x, y)).cos() + 0.85)
    response = 2.6 * (0.0192 + 0.114 * frequency) * (-((0.114 * frequency) ** 1.1)).exp()
    response[frequency < 7.8909] = 0.9809
    shifted = torch.fft.ifftshift(response)
    even: Tensor = (shifted + _negated(shifted)) / 2
    return even[:, : width // 2 + 1].to(device, dtype)


def _by_parity(responses: Tensor) -> Tensor:
    """(k, H, W) about the centre → (k, 2, H, W // 2 + 1) from frequency 0: what is even under f → -f, what is odd."""
    shifted = torch.fft.fftshift(responses, dim=(-2, -1))
    mirrored = _negated(shifted)
    parts = torch.stack((shifted + mirrored, shifted - mirrored), 1) / 2
    return parts[..., : responses.shape[-1] // 2 + 1]


def _negated(spectra: Tensor) -> Tensor:
    return spectra.flip((-2, -1)).roll((1, 1), (-2, -1))
