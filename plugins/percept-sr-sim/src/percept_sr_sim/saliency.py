"""Spectral residual saliency: Hou, Zhang, CVPR 2007, with the sizes and windows of the authors of SR-SIM.

Everything linear is a product with a matrix for each side: the maps are small, and so are the matrices.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from percept.primitives import gaussian
from percept_degradations.imresize import imresize
from percept_fsim.curves import stretch
from torch import Tensor

SCALE = 0.25
WINDOW, SIGMA = 10, 3.8  # of the Gaussian that smooths saliency
FAINT = 1e-4  # squared amplitude, added below the logarithm: black images have none
LEAST = 1e-12  # added to the range of saliency, which is of the order of 1e-4


class Side(NamedTuple):
    """Matrices for a side of n pixels, m = ⌈n/4⌉.

    smaller  (m, n): MATLAB's imresize to a quarter
    mean     (m, m): means of three, the border repeated
    smooth   (m, m): the Gaussian, zeros beyond the border
    larger   (n, m): MATLAB's imresize back
    """

    smaller: Tensor
    mean: Tensor
    smooth: Tensor
    larger: Tensor


def saliency(plane: Tensor) -> Tensor:
    """(N, 1, H, W), grey levels 0–255 → (N, 1, H, W), about 0 to 1: resizing is bicubic and overshoots a little.

    The spectrum of amplitude exp(log|F| - mean of log|F| nearby) and of F's phase is F·exp(-mean of log|F| nearby).
    """
    down, across = (side_of(side, plane.dtype, str(plane.device)) for side in plane.shape[-2:])
    spectrum = torch.fft.fft2(down.smaller @ plane @ across.smaller.mT)
    real, imaginary = torch.view_as_real(spectrum).unbind(-1)
    amplitude = (real.square() + imaginary.square() + FAINT).log() / 2
    whitening = (-(down.mean @ amplitude @ across.mean.mT)).exp()
    residual = torch.view_as_real(torch.fft.ifft2(torch.complex(real * whitening, imaginary * whitening)))
    smoothed = down.smooth @ residual.square().sum(-1) @ across.smooth.mT
    return down.larger @ stretch(smoothed, LEAST) @ across.larger.mT


@lru_cache(maxsize=8)
def side_of(size: int, dtype: torch.dtype, device: str) -> Side:
    """The matrices for a side of `size` pixels."""
    with torch.inference_mode(False), torch.no_grad():
        smaller = imresize(torch.eye(size, dtype=torch.float64)[..., None], SCALE)[..., 0].T
        quarter = torch.eye(len(smaller), dtype=torch.float64)
        larger = imresize(quarter[..., None], 1, (size, 1))[..., 0].T
        mean = _window(quarter, torch.ones(3, dtype=torch.float64) / 3, repeat=True)
        smooth = _window(quarter, gaussian(WINDOW, SIGMA).double(), repeat=False)
        return Side(*(matrix.to(device, dtype).contiguous() for matrix in (smaller, mean, smooth, larger)))


def _window(identity: Tensor, window: Tensor, *, repeat: bool) -> Tensor:
    """The matrix of MATLAB's imfilter; the middle of an even window is the pixel before its centre."""
    size = len(identity)
    matrix = torch.zeros_like(identity)
    for offset, weight in enumerate(window, start=-((len(window) - 1) // 2)):
        for row in range(size):
            column = min(max(row + offset, 0), size - 1) if repeat else row + offset
            if 0 <= column < size:
                matrix[row, column] += weight
    return matrix
