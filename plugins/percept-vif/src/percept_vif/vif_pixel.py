"""Visual information fidelity of pixels: the authors' `vifp_mscale.m`, a simpler and faster relative of VIF.

Sheikh, Bovik, "Image information and visual quality", TIP 15(2), 2006, with scalars for vectors: at each of four
scales the candidate is g times the reference plus noise of variance v under a Gaussian window, and visual noise is 2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.primitives import gray
from torch import Tensor, nn

from percept_vif.correlate import Window, correlate, window

WIDTHS = (17, 9, 5, 3)  # of the windows, finest scale first; their standard deviation is a fifth
MIN_SIZE = 41  # below, the window does not lie within the coarsest scale
NOISE = 2.0  # variance of visual noise, in squared grey levels
FLAT = 1e-10  # variance below which a window is flat, in the authors' code
MIDDLE = 127.5
ROUNDING = 4.0  # epsilons of the mean square: how far rounding moves a variance
NOTHING = 1e-6  # nats that any image keeps of any reference, so that of a flat one it keeps all


class Scale(NamedTuple):
    """Grey levels (N, 1, h, w) less `MIDDLE`, and under each window, (N, 1, a, b): mean, variance and its inverse.

    Where the reference is flat, variance and inverse are 0.
    """

    values: Tensor
    mean: Tensor
    variance: Tensor
    inverse: Tensor


class Prepared(NamedTuple):
    """A reference (N, 3, H, W), its luminance (N, 1, H, W) in grey levels, its scales, and their information (N,)."""

    reference: Tensor
    luminance: Tensor
    scales: tuple[Scale, ...]
    information: Tensor


def vif_pixel(luminance: Tensor, reference: Prepared) -> Tensor:
    """(N, 1, H, W) grey levels → (N,): 1 for equal images or a flat reference, above 1 for enhanced contrast.

    Moments are those of the difference from the reference, which loses nothing to rounding where images are alike.
    """
    difference = luminance - reference.luminance
    kept = []
    for number, scale in enumerate(reference.scales):
        difference = difference if number == 0 else _coarser(difference, WIDTHS[number])
        kept.append(_kept(scale, difference, WIDTHS[number]))
    return (torch.stack(kept).sum(0) + NOTHING) / (reference.information + NOTHING)


def prepared(reference: Tensor, luminance: Tensor) -> Prepared:
    """A reference and its luminance → all that `vif_pixel` wants to know of it."""
    values, scales = luminance - MIDDLE, []
    for number, width in enumerate(WIDTHS):
        values = values if number == 0 else _coarser(values, width)
        scales.append(_scale(values, width))
    every = [(scale.variance / NOISE).log1p().sum((1, 2, 3)) for scale in scales]
    return Prepared(reference, luminance, tuple(scales), torch.stack(every).sum(0))


def _kept(scale: Scale, difference: Tensor, width: int) -> Tensor:
    """Nats (N,) that a candidate keeps of a scale; `difference` (N, 1, …): what it has more than the reference.

    Gain and noise are those of the regression of the candidate on the reference. Below 0 the gain counts as 0.
    """
    mean, square, product = _means(width, difference, difference.square(), difference * scale.values)
    shared = product - mean * scale.mean
    gain = (1 + shared * scale.inverse).relu()
    noise = (square - mean.square() - shared.square() * scale.inverse).relu()
    return (gain.square() * scale.variance / (noise + NOISE)).log1p().sum((1, 2, 3))


def _scale(values: Tensor, width: int) -> Scale:
    mean, square = _means(width, values, values.square())
    variance = square - mean.square()
    flat = variance < (ROUNDING * torch.finfo(values.dtype).eps * square).clamp_min(FLAT)
    variance = torch.where(flat, 0, variance)
    return Scale(values, mean, variance, torch.where(flat, 0, 1 / (torch.where(flat, 1, variance) + FLAT)))


def _means(width: int, *maps: Tensor) -> tuple[Tensor, ...]:
    """Maps (N, 1, h, w) → (N, 1, h - width + 1, w - width + 1) each: means under the Gaussian window."""
    stacked = torch.stack(maps)
    rows, columns = _gaussian(width, 1, stacked.dtype, str(stacked.device))
    means = correlate(correlate(stacked.flatten(0, 1), rows), columns)
    return means.view(*stacked.shape[:3], *means.shape[-2:]).unbind()


def _coarser(values: Tensor, width: int) -> Tensor:
    rows, columns = _gaussian(width, 2, values.dtype, str(values.device))
    return correlate(correlate(values, rows), columns)


@lru_cache(maxsize=32)
def _gaussian(width: int, step: int, dtype: torch.dtype, device: str) -> tuple[Window, Window]:
    distance = torch.arange(width, dtype=torch.float64) - width // 2
    taps = (-distance.square() / (2 * (width / 5) ** 2)).exp().view(1, 1, width)
    taps /= taps.sum()
    rows = window(taps, (1, step), (1, 16), dtype, device)
    return rows, window(taps.mT, (step, 1), (16, 1), dtype, device)


class VIFPixel(nn.Module):
    """Assessor and fidelity loss: VIF in the pixel domain, 1 for equal images; the loss is 1 - VIF.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 41 pixels a side.
    """

    def __init__(self, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its local means and variances at each scale."""
        check_images(reference, "VIF of pixels", MIN_SIZE)
        return prepared(reference, self._luminance(reference))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """VIF, (N,), at least 0, higher is better."""
        check_pair(images, state.reference, "VIF of pixels", MIN_SIZE)
        return vif_pixel(self._luminance(images), state)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - VIF, (N,), at most 1, lower is better."""
        return 1 - self.score(output, self.prepare(target))

    def _luminance(self, images: Tensor) -> Tensor:
        return 255 * gray(images, to_levels=self.rounded)
