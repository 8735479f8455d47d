"""Information content weighted SSIM: Wang and Li, "Information content weighting", TIP 20(5), 2011, equation 31."""

from __future__ import annotations

from typing import NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.primitives import gaussian, separable
from torch import Tensor, nn

from percept_ssim.information import BLOCK, Mixture, information, mixture
from percept_ssim.laplacian import laplacian
from percept_ssim.moments import C1, C2, MIDDLE
from percept_ssim.ms_ssim import WEIGHTS, Scales, weighted_product
from percept_ssim.planes import planes

LEVELS = 255
SIDE = 11  # of the Gaussian window
MARGIN = (SIDE - BLOCK) // 2  # what a neighbourhood leaves free of the window
TINY = 1e-12  # added to the sum of a scale's weights, which is 0 between flat images


class Scale(NamedTuple):
    """Of the reference, at one scale: its band (N, 1, h, w), and of each valid position of the window:

    mean, variance  under the Gaussian window
    local           mean and variance under the 3×3 window in the middle, and 1 / variance or 0; None at the last scale
    mixture         its scale at these positions, and its eigenvalues; None at the last scale
    """

    band: Tensor
    mean: Tensor
    variance: Tensor
    local: tuple[Tensor, Tensor, Tensor] | None
    mixture: Mixture | None


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and what its candidates are compared with at each scale, finest first."""

    reference: Tensor
    scales: tuple[Scale, ...]


def scale(band: Tensor, parent: Tensor | None, window: Tensor, last: bool) -> Scale:
    """What is worth computing once of a reference's band (N, 1, h, w) in grey levels; `parent` is the next band."""
    mean, square = separable(window, band, band.square())
    if last:
        return Scale(band, mean, square - mean.square(), None, None)
    near, near_square = _local(band, band.square())
    spread = near_square - near.square()
    tolerance = max(1e-15, (LEVELS * torch.finfo(band.dtype).eps) ** 2)
    inverse = (spread >= tolerance) / spread.clamp_min(tolerance)
    model = mixture(band, parent)
    inner = model.scale[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    return Scale(band, mean, square - mean.square(), (near, spread, inverse), Mixture(inner, model.eigenvalues))


def similarity(band: Tensor, known: Scale, window: Tensor, middle: float) -> Tensor:
    """A candidate's band (N, 1, h, w) → (N,): its contrast and structure, weighted by information, at most 1.

    At the last scale without weights, and times luminance; `middle` is what was subtracted from its values.
    With d = x - y all moments are those of d, d² and y·d, whose differences cancel where images are alike.
    """
    difference = band - known.band
    maps = difference, difference.square(), known.band * difference
    mean, square, cross = separable(window, *maps)
    variance = square - mean.square()
    covariance = cross - known.mean * mean
    total = 2 * (known.variance + covariance) + variance + C2 * LEVELS**2
    missing = variance / total
    if known.local is None or known.mixture is None:
        brightness = (known.mean + middle).square() + (known.mean + mean + middle).square() + C1 * LEVELS**2
        return ((1 - missing) * (1 - mean.square() / brightness)).mean((1, 2, 3))
    weights = _weights(maps, known.local, known.mixture)
    return 1 - (weights * missing).sum((1, 2, 3)) / (weights.sum((1, 2, 3)) + TINY)


def _weights(maps: tuple[Tensor, ...], local: tuple[Tensor, Tensor, Tensor], model: Mixture) -> Tensor:
    """Maps of d, d² and y·d (N, 1, h, w) → information at the valid positions of the window.

    The candidate's gain on the reference is g = cov(x, y) / σy², its noise v = σx² - g·cov(x, y): 0 and σx² where the
    reference is flat. With d = x - y these are 1 + cov(y, d) / σy² and σd² - cov(y, d)² / σy².
    """
    near, spread, inverse = local
    mean, square, cross = _local(*maps)
    covariance = cross - near * mean
    slope = covariance * inverse
    noise = square - mean.square() - slope * covariance
    regular = inverse > 0
    noise = torch.where(regular, noise, noise + 2 * covariance + spread).clamp_min(0)
    return information(regular + slope, noise, *model)


def _local(*maps: Tensor) -> tuple[Tensor, ...]:
    inner = [values[..., MARGIN:-MARGIN, MARGIN:-MARGIN] for values in maps]
    return separable(maps[0].new_full((BLOCK,), 1 / BLOCK), *inner)


class IWSSIM(nn.Module):
    """Assessor and fidelity loss: IW-SSIM, 1 for equal images; the loss is 1 - IW-SSIM.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient
    scales   `five`, as the authors; `fit`: as many of the five, finest first, as the image holds, their weights divided
             by their sum, as the authors' code does it: n scales need 11·2^(n - 1) pixels a side, five 176

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or smaller images.
    """

    window: Tensor

    def __init__(self, rounded: bool = False, scales: Scales = "five") -> None:
        super().__init__()
        self.rounded = rounded
        self.min_size = SIDE if scales == "fit" else _smallest(len(WEIGHTS))
        self.register_buffer("window", gaussian(SIDE, 1.5), persistent=False)

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its pyramid and the model of it."""
        check_images(reference, "IW-SSIM", self.min_size)
        side = min(reference.shape[-2:])
        count = sum(_smallest(scales) <= side for scales in range(1, len(WEIGHTS) + 1))
        bands = self._pyramid(reference, count)
        parents = [*bands[1:-1], None, None][:count]  # what is left below the bands is nobody's parent
        return Prepared(
            reference,
            tuple(
                scale(band, parent, self.window, last=i == count)
                for i, (band, parent) in enumerate(zip(bands, parents, strict=True), start=1)
            ),
        )

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """IW-SSIM, (N,), in [0, 1], higher is better."""
        check_pair(images, state.reference, "IW-SSIM", self.min_size)
        count = len(state.scales)
        middle = LEVELS * MIDDLE * 2 ** (count - 1)
        bands = zip(self._pyramid(images, count), state.scales, strict=True)
        means = [similarity(band, known, self.window, middle) for band, known in bands]
        weights = images.new_tensor(WEIGHTS[:count])
        return weighted_product(torch.stack(means), (weights / weights.sum())[:, None])

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - IW-SSIM, (N,), in [0, 1], lower is better."""
        return 1 - self.score(output, self.prepare(target))

    def _pyramid(self, images: Tensor, count: int) -> list[Tensor]:
        return laplacian(LEVELS * (planes(images, "gray", self.rounded) - MIDDLE), count)


def _smallest(scales: int) -> int:
    """The smallest side of an image that the authors' code takes for so many scales."""
    return SIDE << (scales - 1)
