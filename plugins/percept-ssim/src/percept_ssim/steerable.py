"""One level of the complex steerable pyramid: Portilla and Simoncelli, IJCV 40(1), 2000, as `buildSCFpyr` builds it."""

from __future__ import annotations

from functools import lru_cache
from math import factorial, pi
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

RADII = 256  # samples of the radial transition, which is interpolated linearly between them
ANGLES = 1024  # samples of half a turn of the angular lobe, likewise


class Filters(NamedTuple):
    """For images of H×W: Fourier matrices of the level's h×w lowest frequencies, and a mask an orientation."""

    rows: Tensor  # (h, H) complex
    columns: Tensor  # (W, 2w): real and imaginary parts side by side
    masks: Tensor  # (K, h, w)


def bands(planes: Tensor, level: int, orientations: int) -> Tensor:
    """(N, H, W) → complex (N, K, h, w): the oriented bands of `level`, 1 the finest, h = ⌈H / 2^(level - 1)⌉.

    They are those of `buildSCFpyr` up to its constant factor (-i)^(K - 1). A level needs few frequencies: a product
    with their Fourier matrices costs less than a whole transform. The images' mean, which no band holds, goes first:
    flat images have bands of nearly 0 in any precision.
    """
    height, width = planes.shape[-2:]
    filters = _filters(height, width, level, orientations, planes.dtype, planes.device)
    centred = planes - planes.detach().mean((-2, -1), keepdim=True)
    across = torch.view_as_complex((centred @ filters.columns).view(-1, height, filters.masks.shape[-1], 2))
    spectrum = (filters.rows @ across)[:, None]
    return torch.fft.ifft2(spectrum * filters.masks)  # type: ignore[no-any-return]  # torch.fft has no types


@lru_cache(maxsize=8)
def _filters(
    height: int, width: int, level: int, orientations: int, dtype: torch.dtype, device: torch.device
) -> Filters:
    with torch.inference_mode(False):  # what is cached must serve autograd, too
        ky, kx = (_frequencies(side, level) for side in (height, width))
        rows = torch.from_numpy(np.exp(-2j * pi / height * np.outer(ky, np.arange(height))))
        columns = torch.from_numpy(np.exp(-2j * pi / width * np.outer(np.arange(width), kx)))
        masks = torch.from_numpy(_masks(ky / (height / 2), kx / (width / 2), level, orientations))
        return Filters(
            rows.to(device, dtype.to_complex()),
            torch.view_as_real(columns).flatten(-2).to(device, dtype),
            masks.to(device, dtype),
        )


def _frequencies(side: int, level: int) -> Array:
    """The integer frequencies that are left after level - 1 halvings, rounded up, in the order of an FFT."""
    kept = -(-side // (1 << (level - 1)))
    return np.round(np.fft.fftfreq(kept) * kept)


def _masks(y: Array, x: Array, level: int, orientations: int) -> Array:
    """Frequencies as fractions of Nyquist's → (K, h, w): radial band pass times one-sided angular lobes."""
    radius = np.hypot(y[:, None], x)
    radius[0, 0] = x[1]  # as its neighbour: the logarithm must exist
    octaves = np.log2(radius)
    position, rise = _transition()
    low, high = np.sqrt(1 - rise), np.sqrt(rise)
    radial = np.interp(octaves, position - level, high)
    for halvings in range(level):
        radial *= np.interp(octaves, position - halvings, low)
    angle = np.arctan2(y[:, None], x)
    return np.stack([radial * _lobe(angle, which, orientations) for which in range(orientations)])


def _transition() -> tuple[Array, Array]:
    """A raised cosine from 0 to 1 over an octave: log2 of the radius from -1 to 0, and a sample more on each side."""
    phase = pi * np.arange(-RADII - 1, 2) / (2 * RADII)
    rise = np.cos(phase) ** 2
    rise[0], rise[-1] = 0, 1
    return 2 / pi * phase, rise


def _lobe(angle: Array, which: int, orientations: int) -> Array:
    """The lobe around π·which/K: 2·√c·cos^(K-1) where the cosine is positive; c makes all lobes' squares sum to 4."""
    order = orientations - 1
    constant = 2 ** (2 * order) * factorial(order) ** 2 / (orientations * factorial(2 * order))
    phase = pi * np.arange(-2 * ANGLES - 1, ANGLES + 2) / ANGLES
    inside = np.abs(np.mod(pi + phase, 2 * pi) - pi) < pi / 2
    lobe: Array = 2 * np.sqrt(constant) * np.cos(phase) ** order * inside
    return np.interp(angle, phase + pi * which / orientations, lobe)
