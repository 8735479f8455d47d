"""Visual information fidelity: Sheikh, Bovik, "Image information and visual quality", TIP 15(2), 2006, section III.

A subband of the reference is a Gaussian scale mixture of vectors of 3×3 neighbours, with covariance C and a variance
field s²; a candidate's is g times that plus noise of variance v. Both pass through visual noise of variance 0.4. The
score is what then remains of the information in the reference, candidate to reference (equation 26).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.primitives import gray
from torch import Tensor, nn

from percept_vif.correlate import Window, correlate, window
from percept_vif.mixture import RANK, SIDE, covariance, decomposed, field, information, products
from percept_vif.steerable import subbands

Scales = Literal["four", "fit"]

WIDTHS = (17, 9, 5, 3)  # windows of gain and noise, finest scale first
NOISE = 0.4  # variance of visual noise, in squared grey levels
SMALLEST = (21, 29, 33, 65)  # image sides from which a window lies within the subbands of each scale
ALL_SCALES = 72  # below, the authors' pyramid has no fourth scale
FLAT = 1e-15  # energy below which a window is flat: `tol` of the authors' code
ROUNDING = 4.0  # epsilons of the mean square: how far rounding moves a variance
NOTHING = 1e-6  # nats that any image keeps of any reference, so that of a flat one it keeps all


class Scale(NamedTuple):
    """Two subbands (N, 2, h, w) of a reference, where their windows lie, and for each window, (N, 2, a, b):

    width     pixels a side of the windows
    mean      of the subband
    inverse   of its variance, 0 where it is flat
    field     s²: the squared norm of the block in the window's middle, whitened by C, divided by 9
    products  (N, 2, 3, 3): elementary symmetric polynomials of the eigenvalues of C, three by three
    """

    bands: Tensor
    width: int
    mean: Tensor
    inverse: Tensor
    field: Tensor
    products: Tensor


class Prepared(NamedTuple):
    """A reference (N, 3, H, W), its luminance (N, 1, H, W) in grey levels, its scales, and their information (N,)."""

    reference: Tensor
    luminance: Tensor
    scales: tuple[Scale, ...]
    information: Tensor


def vif(luminance: Tensor, reference: Prepared) -> Tensor:
    """(N, 1, H, W) grey levels → (N,): 1 for equal images or a flat reference, above 1 for enhanced contrast.

    The pyramid is linear, so that it is enough to decompose the difference from the reference. That loses nothing to
    rounding where images are alike and noise is a small difference of large energies.
    """
    differences = subbands(luminance - reference.luminance, len(reference.scales))
    kept = torch.stack([_kept(scale, bands) for scale, bands in zip(reference.scales, differences, strict=True)])
    return (kept.sum(0) + NOTHING) / (reference.information + NOTHING)


def prepared(reference: Tensor, luminance: Tensor, scales: int) -> Prepared:
    """A reference and its luminance → all that `vif` wants to know of it."""
    around_zero = luminance - luminance[..., :1, :1].detach()  # subbands do not change, and those of flat images are 0
    known = tuple(_scale(bands, width) for bands, width in zip(subbands(around_zero, scales), WIDTHS, strict=False))
    every = [information(scale.field / NOISE, scale.products) for scale in known]
    return Prepared(reference, luminance, known, torch.stack(every).sum(0))


def _kept(scale: Scale, difference: Tensor) -> Tensor:
    """Nats (N,) that a candidate keeps of two subbands; `difference` (N, 2, …): what it has more than the reference.

    Gain and noise are those of the regression of the candidate on the reference; a gain below 0 counts as 0, and where
    the reference is flat it is 1. There the authors' is 0, but so is s², unless the subband is constant and not 0.
    """
    difference = _inner(difference, scale.width)
    mean, square, product = _means(scale.width, difference, difference.square(), difference * scale.bands)
    shared = product - mean * scale.mean
    gain = (1 + shared * scale.inverse).relu()
    noise = (square - mean.square() - shared.square() * scale.inverse).relu()
    return information(gain.square() * scale.field / (noise + NOISE), scale.products)


def _scale(bands: Tensor, width: int) -> Scale:
    height, length = (side // SIDE * SIDE for side in bands.shape[-2:])
    bands = bands[..., :height, :length]
    eigenvalues, whitening = decomposed(covariance(bands), RANK * torch.finfo(bands.dtype).eps)
    inner = _inner(bands, width)
    mean, square = _means(width, inner, inner.square())
    variance = square - mean.square()
    epsilon = torch.finfo(bands.dtype).eps
    flat = variance < (ROUNDING * epsilon * square).clamp_min(max(FLAT / width**2, (255 * epsilon) ** 2))
    inverse = torch.where(flat, 0, 1 / (torch.where(flat, 1, variance) + FLAT / width**2))
    return Scale(inner, width, mean, inverse, field(bands, whitening, _margin(width)), products(eigenvalues).to(bands))


def _margin(width: int) -> int:
    """Blocks at each border whose window does not lie within the subband."""
    return -(-(width // 2) // SIDE)


def _inner(bands: Tensor, width: int) -> Tensor:
    """The part of (…, h, w) on which windows lie: around the middle of each block that has one."""
    margin = _margin(width)
    start = SIDE * margin + SIDE // 2 - width // 2
    stops = [start + SIDE * (side // SIDE - 2 * margin - 1) + width for side in bands.shape[-2:]]
    return bands[..., start : stops[0], start : stops[1]]


def _means(width: int, *maps: Tensor) -> tuple[Tensor, ...]:
    """Maps (N, 2, h, w) → their means (N, 2, a, b) under windows of width × width, every third pixel."""
    stacked = torch.stack(maps)
    rows, columns = _box(width, stacked.dtype, str(stacked.device))
    means = correlate(correlate(stacked.flatten(0, 2).unsqueeze(1), rows), columns)
    return means.view(*stacked.shape[:3], *means.shape[-2:]).unbind()


@lru_cache(maxsize=16)
def _box(width: int, dtype: torch.dtype, device: str) -> tuple[Window, Window]:
    taps = torch.full((1, 1, width), 1 / width, dtype=torch.float64)
    rows = window(taps, (1, SIDE), (1, 16), dtype, device)
    return rows, window(taps.mT, (SIDE, 1), (16, 1), dtype, device)


class VIF(nn.Module):
    """Assessor and fidelity loss: VIF in the wavelet domain, 1 for equal images; the loss is 1 - VIF.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient
    scales   `four`, from 72 pixels a side, as in the authors' code; `fit`: as many of the four, finest first, as have a
             window in the image, so that training patches may be small: 1 for 21 pixels, 3 for 64, 4 from 65

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or smaller images.
    """

    def __init__(self, rounded: bool = False, scales: Scales = "four") -> None:
        super().__init__()
        self.rounded = rounded
        self.min_size = SMALLEST[0] if scales == "fit" else ALL_SCALES

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its subbands, their covariances and their local variances."""
        check_images(reference, "VIF", self.min_size)
        scales = sum(side <= min(reference.shape[-2:]) for side in SMALLEST)
        return prepared(reference, self._luminance(reference), scales)

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """VIF, (N,), at least 0, higher is better."""
        check_pair(images, state.reference, "VIF", self.min_size)
        return vif(self._luminance(images), state)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - VIF, (N,), at most 1, lower is better."""
        return 1 - self.score(output, self.prepare(target))

    def _luminance(self, images: Tensor) -> Tensor:
        return 255 * gray(images, to_levels=self.rounded)
