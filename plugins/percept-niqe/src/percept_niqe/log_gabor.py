"""Log-Gabor filters in the frequency domain, as P. Kovesi's, with the numbers of IL-NIQE."""

from __future__ import annotations

from functools import lru_cache
from math import cos, log, pi, sin

import torch
from torch import Tensor

SCALES, ORIENTATIONS = 3, 4
_SIGMA_ON_F, _MULTIPLIER, _SPREAD = 0.55, 1.31, pi / ORIENTATIONS / 1.10


@lru_cache(maxsize=8)
def log_gabor(side: int, wavelength: float, device: str) -> tuple[Tensor, Tensor]:
    """(3, side, side) radial and (4, side, side) angular factors, float64, frequency 0 in the corner; `side` is even.

    The filter of scale s and orientation o is the product of radial[s], whose wavelength is 1.31^s times `wavelength`
    pixels, and angular[o], which is centred on the angle oπ/4 and knows no opposite angle: responses are complex.
    """
    with torch.inference_mode(False):  # or tables first made without gradients could never be used with them
        frequency = torch.fft.fftfreq(side, dtype=torch.float64, device=device)
        radius = torch.hypot(frequency[None], frequency[:, None])
        radius[0, 0] = 1
        theta = torch.atan2(-frequency[:, None], frequency[None])
        radial = [_radial(radius, wavelength * _MULTIPLIER**scale) for scale in range(SCALES)]
        angular = [_angular(theta, order * pi / ORIENTATIONS) for order in range(ORIENTATIONS)]
        return torch.stack(radial), torch.stack(angular)


def _radial(radius: Tensor, wavelength: float) -> Tensor:
    values = torch.exp(-(torch.log(radius * wavelength) ** 2) / (2 * log(_SIGMA_ON_F) ** 2))
    values[0, 0] = 0
    return values


def _angular(theta: Tensor, angle: float) -> Tensor:
    sine = theta.sin() * cos(angle) - theta.cos() * sin(angle)
    cosine = theta.cos() * cos(angle) + theta.sin() * sin(angle)
    return torch.exp(-torch.atan2(sine, cosine).square() / (2 * _SPREAD**2))
