"""Normalized Laplacian pyramid distance: Laparra, Ballé, Berardino, Simoncelli, HVEI 2016."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.primitives import gray
from torch import Tensor, nn
from torch.nn import functional

from percept_nlpd.pyramid import laplacian

SIGMAS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
NEIGHBOURS = (  # each level's weights of |z| at the pixel below, right, left, above, and two to the left
    (0.1011, 0.1493, 0.1460, 0.1015, 0.0072),
    (0.0757, 0.1986, 0.1846, 0.0837, 0.0),
    (0.0477, 0.2138, 0.2243, 0.0467, 0.0),
    (0.0, 0.2503, 0.2616, 0.0, 0.0),
    (0.0, 0.2598, 0.2552, 0.0, 0.0),
    (0.0, 0.2215, 0.0717, 0.0, 0.0),
)
MIN_SIZE = 17  # two pixels where the pyramid is halved for the last time
TINY = 1e-20  # added below the root of each level's mean square


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and its normalized pyramid, finest level first, (N, 1, h, w) each."""

    reference: Tensor
    levels: tuple[Tensor, ...]


def nlpd(levels: tuple[Tensor, ...], reference: tuple[Tensor, ...]) -> Tensor:
    """Normalized pyramids of N images and of their N or 1 references → (N,), ≥ 0.

    Roots are shifted by 1e-20, so that their slope is finite at 0: the result is too small by at most 1e-10.
    """
    squares = [(x - y).square().mean((1, 2, 3)) for x, y in zip(levels, reference, strict=True)]
    return (torch.stack(squares) + TINY).sqrt().mean(0) - sqrt(TINY)


def normalized(luminance: Tensor) -> tuple[Tensor, ...]:
    """(N, 1, H, W) in [0, 1] → six levels of its Laplacian pyramid, each pixel divided by the activity about it."""
    levels = laplacian(luminance, len(SIGMAS))
    known = zip(levels, SIGMAS, NEIGHBOURS, strict=True)
    return tuple(level / _activity(level.abs(), sigma, weights) for level, sigma, weights in known)


def _activity(size: Tensor, sigma: float, weights: tuple[float, ...]) -> Tensor:
    """σ + the weighted sum of |z| (N, 1, h, w) over neighbours, zeros beyond borders, as MATLAB's conv2."""
    height, width = size.shape[-2:]
    padded = functional.pad(size, (2, 1, 1, 1))
    places = ((2, 2), (1, 3), (1, 1), (0, 2), (1, 0))
    activity = torch.full_like(size, sigma)
    for weight, (row, column) in zip(weights, places, strict=True):
        if weight:
            activity = activity.add(padded[..., row : row + height, column : column + width], alpha=weight)
    return activity


class NLPD(nn.Module):
    """Assessor and fidelity loss, lower is better in both lives: 0 for equal images, .5 for strong distortions.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 17 pixels a side.
    """

    def __init__(self, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its normalized pyramid."""
        check_images(reference, "NLPD", MIN_SIZE)
        return Prepared(reference, normalized(gray(reference, to_levels=self.rounded)))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """NLPD, (N,)."""
        check_pair(images, state.reference, "NLPD", MIN_SIZE)
        return nlpd(normalized(gray(images, to_levels=self.rounded)), state.levels)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """NLPD, (N,)."""
        return self.score(output, self.prepare(target))
