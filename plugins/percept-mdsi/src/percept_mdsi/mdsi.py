"""Mean deviation similarity index: Ziaei Nafchi, Shahkolaei, Hedjam, Cheriet, IEEE Access 4, 2016."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from percept.contracts import check_images, check_pair
from torch import Tensor, nn

from percept_mdsi.features import Features, features, length

C1, C2, C3 = 140.0, 55.0, 550.0  # in squared grey levels
ALPHA = 0.6
MIN_SIZE = 3
LEAST = 1e-16  # magnitude of a similarity below which its quarter power is taken as constant
TINY = 1e-28  # added to the deviation below its quarter power


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and its features."""

    reference: Tensor
    features: Features


def mdsi(candidate: Features, reference: Features) -> Tensor:
    """Features of candidates and of their references (N or 1) → (N,), 0 for equal ones, ≥ 0."""
    return deviation(ALPHA * _edges(candidate, reference) + (1 - ALPHA) * _colours(candidate, reference))


def deviation(dissimilarity: Tensor) -> Tensor:
    """1 - GCS of each pixel (N, 1, h, w) → (N,): the mean absolute deviation of GCS^¼, to the power ¼.

    The quarter power of a negative number is complex, r·(1 + i)/√2. Elsewhere 1 - s^¼ = (1 - s) / ((1 + √s)(1 + s^¼)),
    which loses nothing where images are alike. The last power is shifted so that its slope is finite at 0: the result
    is too small by at most 1e-7.
    """
    similarity = 1 - dissimilarity
    half = similarity.abs().clamp_min(LEAST).sqrt()
    quarter = half.sqrt()
    negative = similarity < 0
    imaginary = torch.where(negative, sqrt(0.5) * quarter, 0.0)
    real = torch.where(negative, 1 - imaginary, dissimilarity / ((1 + half) * (1 + quarter)))
    powers = torch.complex(real, imaginary)
    spread = (powers - powers.mean((1, 2, 3), keepdim=True)).abs().mean((1, 2, 3))
    score: Tensor = (spread + TINY) ** 0.25 - TINY**0.25
    return score


def _edges(candidate: Features, reference: Features) -> Tensor:
    """1 - GS of each pixel: of both images, plus of the candidate and their mean, less of the reference and that."""
    fused = length((candidate.gradient + reference.gradient) / 2)
    x, y = reference.magnitude, candidate.magnitude
    return _dissimilarity(x, y, C1) + _dissimilarity(y, fused, C2) - _dissimilarity(x, fused, C2)


def _dissimilarity(first: Tensor, second: Tensor, constant: float) -> Tensor:
    """1 - (2ab + c) / (a² + b² + c)."""
    squared = (first - second).square()
    return squared / (squared + constant).addcmul_(first, second, value=2)


def _colours(candidate: Features, reference: Features) -> Tensor:
    """1 - CS of each pixel, of both colours at once."""
    x, y = reference.colours, candidate.colours
    difference = (x - y).square().sum(1, keepdim=True)
    return difference / ((x.square() + y.square()).sum(1, keepdim=True) + C3)


class MDSI(nn.Module):
    """Assessor and fidelity loss, lower is better in both lives: 0 for equal images, seldom above .6.

    It is not symmetric: the gradients' mean is compared with the candidate, and with the reference.

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 3 pixels a side.
    """

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its features."""
        check_images(reference, "MDSI", MIN_SIZE)
        return Prepared(reference, features(reference))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """MDSI, (N,)."""
        check_pair(images, state.reference, "MDSI", MIN_SIZE)
        return mdsi(features(images), state.features)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """MDSI, (N,)."""
        return self.score(output, self.prepare(target))
