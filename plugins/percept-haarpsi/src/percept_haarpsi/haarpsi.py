"""HaarPSI: Reisenhofer, Bosse, Kutyniok, Wiegand, Signal Processing: Image Communication 61, 2018."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

from percept.contracts import check_images, check_pair
from torch import Tensor, nn

from percept_haarpsi.coefficients import Coefficients, coefficients

C = 30.0  # in squared coefficients of images in 0–255
ALPHA = 4.2
MIN_SIZE = 2
TINY = 1e-12


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and its coefficients."""

    reference: Tensor
    coefficients: Coefficients


def haarpsi(candidate: Coefficients, reference: Coefficients) -> Tensor:
    """Coefficients of candidates and of their references (N or 1) → (N,), in [0, 1], 1 for equal ones.

    With d = 1 - s and E = exp(αd) - 1, the logistic function l(s) is l(1)·(1 - E / (E + exp(α) + 1)). That fraction is
    what is averaged: it is 0 where images are equal, and nothing is lost where they are alike. The third map, of
    colours, has the mean weight of the two of edges.
    """
    edges = _dissimilarity(candidate.fine, reference.fine, 4 * C)
    edges = edges + _dissimilarity(candidate.middle, reference.middle, 16 * C)
    colours = _dissimilarity(candidate.chroma, reference.chroma, 16 * C).mean(1, keepdim=True)
    weights = _larger(candidate.coarse, reference.coarse)
    weighted = weights * (_shortfall(edges, ALPHA / 2) + _shortfall(colours, ALPHA) / 2)
    short = weighted.sum((1, 2, 3)) / (1.5 * weights.sum((1, 2, 3)) + TINY)
    return (1 + ((-short).log1p() - (exp(ALPHA) * short).log1p()) / ALPHA).square()


def _dissimilarity(first: Tensor, second: Tensor, constant: float) -> Tensor:
    """1 - (2ab + c) / (a² + b² + c)."""
    squared = (first - second).square()
    return squared / (squared + constant).addcmul_(first, second, value=2)


def _shortfall(dissimilarity: Tensor, gain: float) -> Tensor:
    """1 - l(1 - d·gain/α) / l(1), where l is the logistic function of slope α."""
    growth = (gain * dissimilarity).expm1()
    return growth / (growth + (exp(ALPHA) + 1))


def _larger(first: Tensor, second: Tensor) -> Tensor:
    """The maximum: its gradient costs a third of torch.maximum's."""
    return first + (second - first).relu()


class HaarPSI(nn.Module):
    """Assessor and fidelity loss: HaarPSI, 1 for equal images; the loss is 1 - HaarPSI.

    Two black images, for which the authors' code divides 0 by 0, score 1.

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 2 pixels a side.
    """

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its coefficients."""
        check_images(reference, "HaarPSI", MIN_SIZE)
        return Prepared(reference, coefficients(reference))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """HaarPSI, (N,), in [0, 1], higher is better."""
        check_pair(images, state.reference, "HaarPSI", MIN_SIZE)
        return haarpsi(coefficients(images), state.coefficients)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - HaarPSI, (N,), in [0, 1], lower is better."""
        return 1 - self.score(output, self.prepare(target))
