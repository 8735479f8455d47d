"""Multi-scale SSIM: Wang, Simoncelli, Bovik, "Multi-scale structural similarity", Asilomar 2003, equation 7."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.primitives import gaussian, halve
from torch import Tensor, nn

from percept_ssim.moments import Moments, mean_dissimilarity, moments
from percept_ssim.pairs import mean_of_pair
from percept_ssim.planes import Colour, planes

Pooling = Literal["product", "sum"]
Scales = Literal["five", "fit"]

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first: section 3.2 of the paper
FLOOR = 1e-4


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and the moments of its planes at each scale, finest first."""

    reference: Tensor
    scales: tuple[Moments, ...]


def ms_ssim(planes: Tensor, reference: tuple[Moments, ...], window: Tensor, pooling: Pooling = "product") -> Tensor:
    """(N, C, H, W) in [0, 1] against the moments of (N or 1, C, H, W) at each scale → (N,), mean over channels."""
    missing = [
        mean_dissimilarity(scale, known, window)
        for scale, known in zip(pyramid(planes, len(reference)), reference, strict=True)
    ]
    return pooled(missing, pooling)


def pyramid(planes: Tensor, scales: int) -> list[Tensor]:
    """(N, C, H, W) and its 2×2 means, and theirs, …: so many scales, finest first."""
    levels = [planes]
    while len(levels) < scales:
        levels.append(halve(levels[-1]))
    return levels


def pooled(missing: list[Tensor], pooling: Pooling) -> Tensor:
    """What each scale misses, (N, C) each, finest first → MS-SSIM, (N,), mean over channels."""
    pool = weighted_product if pooling == "product" else weighted_sum
    weights = missing[0].new_tensor(weights_of(len(missing))).view(-1, 1, 1)
    return pool(1 - torch.stack(missing), weights).mean(1)


def weights_of(scales: int) -> list[float]:
    """The paper's weights, or those of its finest scales divided by their sum; five sum to 1.0001, as printed there."""
    total = 1.0 if scales == len(WEIGHTS) else sum(WEIGHTS[:scales])
    return [weight / total for weight in WEIGHTS[:scales]]


def weighted_product(means: Tensor, weights: Tensor) -> Tensor:
    """∏ meansⱼ^weightsⱼ over the first axis, in [0, 1]; gradients are finite and never vanish entirely.

    A fractional power of a mean below 0 is no real number, and near 0 it has no slope that one could descend. Below
    `FLOOR` the power f is continued as f(FLOOR) / (1 + w·(FLOOR - mean) / FLOOR): positive, and of equal slope there.
    """
    shortfall = (FLOOR - means).clamp_min(0) / FLOOR
    return (means.clamp_min(FLOOR) ** weights / (1 + weights * shortfall)).prod(0)


def weighted_sum(means: Tensor, weights: Tensor) -> Tensor:
    """Σ weightsⱼ·meansⱼ / Σ weightsⱼ over the first axis, in [-1, 1]: `wtd_sum` of the authors' code."""
    return (weights * means).sum(0) / weights.sum()


class MSSSIM(nn.Module):
    """Assessor and fidelity loss: MS-SSIM, 1 for equal images; the loss is 1 - MS-SSIM.

    colour   `gray`: MATLAB's rgb2gray, as the authors use; `rgb`: the mean of the three channels' values
    rounded  round to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient
    window   side of the Gaussian window in pixels; five scales need 16·(window - 1) + 1 pixels a side
    sigma    standard deviation of the window in pixels
    pooling  `product`, as in the paper, or the weighted `sum` that the authors' code offers beside it
    scales   `five`, as in the paper; `fit`: as many of the five, finest first, as the image holds, their weights
             divided by their sum, so that training patches may be small: 3 for 64 pixels a side, 5 from 161

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or smaller images;
    ComponentError for a window that is not positive.
    """

    window: Tensor

    def __init__(
        self,
        colour: Colour = "gray",
        rounded: bool = False,
        window: int = 11,
        sigma: float = 1.5,
        pooling: Pooling = "product",
        scales: Scales = "five",
    ) -> None:
        super().__init__()
        self.colour, self.rounded, self.pooling = colour, rounded, pooling
        self.min_size = window if scales == "fit" else _smallest(window, len(WEIGHTS))
        self.register_buffer("window", gaussian(window, sigma), persistent=False)

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its local means and variances at each scale."""
        check_images(reference, "MS-SSIM", self.min_size)
        scales = pyramid(planes(reference, self.colour, self.rounded), self._scales_of(reference))
        return Prepared(
            reference, tuple(moments(scale, self.window, luminance=scale is scales[-1]) for scale in scales)
        )

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """MS-SSIM, (N,), in [0, 1], higher is better."""
        check_pair(images, state.reference, "MS-SSIM", self.min_size)
        values = planes(images, self.colour, self.rounded)
        return ms_ssim(values, state.scales, self.window, self.pooling)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - MS-SSIM, (N,), in [0, 1], lower is better."""
        check_pair(output, target, "MS-SSIM", self.min_size)
        count = self._scales_of(target)
        outputs, targets = (pyramid(planes(of, self.colour, self.rounded), count) for of in (output, target))
        missing = [
            mean_of_pair(scale, known, self.window, luminance=known is targets[-1])
            for scale, known in zip(outputs, targets, strict=True)
        ]
        return 1 - pooled(missing, self.pooling)

    def _scales_of(self, images: Tensor) -> int:
        height, width = images.shape[-2:]
        every = range(1, len(WEIGHTS) + 1)
        return sum(_smallest(len(self.window), scales) <= min(height, width) for scales in every)


def _smallest(window: int, scales: int) -> int:
    """The smallest side of an image whose coarsest of so many scales still holds the window."""
    return (window - 1) * (1 << (scales - 1)) + 1
