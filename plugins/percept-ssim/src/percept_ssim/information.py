"""Weights by information content: Wang and Li, TIP 20(5), 2011, section II, with the authors' estimates of the model.

A band's neighbourhoods are a Gaussian scale mixture, y = s·u, u of covariance Cu; the candidate's are g·y plus noise of
variance v; both are seen through noise of variance NOISE. The weight of a pixel, equation 28, is what they tell:

    w = Σₖ log2(1 + ((v + (1 + g²)·NOISE)·s²·λₖ + NOISE·v) / NOISE²),    λₖ the eigenvalues of Cu
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

NOISE = 0.4  # σn², squared grey levels
BLOCK = 3  # pixels a side of a neighbourhood
JITTER = 1e-9  # added to the covariance, as a part of its trace, so that it can be inverted
TINY = 1e-12  # likewise, squared grey levels: flat bands have no trace


class Mixture(NamedTuple):
    """A reference's model: s² / NOISE of each inner pixel (N, 1, h - 2, w - 2), and the eigenvalues (N, K) of Cu."""

    scale: Tensor
    eigenvalues: Tensor


def mixture(band: Tensor, parent: Tensor | None) -> Mixture:
    """The model of a band (N, 1, h, w) in grey levels; `parent`, the next coarser band, joins the neighbourhoods.

    s² = yᵀCu⁻¹y / K comes from a Cholesky factor, and eigenvalues enter by symmetric functions: the gradient is finite
    also where eigenvalues coincide. Rounding may leave the smallest eigenvalue below 0; twice that much is added.
    """
    height, width = band.shape[-2] - BLOCK + 1, band.shape[-1] - BLOCK + 1
    shifted = [band[:, 0, i : i + height, j : j + width] for i in range(BLOCK) for j in range(BLOCK)]
    if parent is not None:
        shifted.append(enlarge(parent, *band.shape[-2:])[:, 0, 1:-1, 1:-1])
    neighbours = torch.stack(shifted, 1).flatten(2)
    count, positions = neighbours.shape[1:]
    covariance = (neighbours @ neighbours.mT).double() / positions
    eigenvalues = torch.linalg.eigvalsh(covariance)
    least = JITTER * eigenvalues.sum(-1) - 2 * eigenvalues[:, 0].clamp_max(0) + TINY
    identity = torch.eye(count, dtype=torch.float64, device=band.device)
    factor = torch.linalg.cholesky(covariance + least[:, None, None] * identity)
    whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
    scale = ((whitening / sqrt(count * NOISE)).to(band) @ neighbours).square().sum(1)
    return Mixture(scale.view(-1, 1, height, width), eigenvalues.clamp_min(0).to(band))


def information(gain: Tensor, noise: Tensor, scale: Tensor, eigenvalues: Tensor) -> Tensor:
    """Gain g and noise v (N, 1, h, w) of candidates, s² / NOISE of these pixels and (N, K) eigenvalues → weights.

    Each term of the sum is (1 + v/NOISE)·(1 + r·λₖ): one logarithm serves two terms, whose product cannot overflow.
    """
    certain = 1 + noise / NOISE
    ratio = (1 + gain.square() / certain) * scale
    weights = eigenvalues.shape[-1] * certain.log2()
    for pair in torch.split(eigenvalues[:, :, None, None, None], 2, dim=1):
        total, product = pair.sum(1), (pair[:, 0] * pair[:, 1] if pair.shape[1] == 2 else 0 * pair[:, 0])
        weights = weights + (1 + ratio * (total + ratio * product)).log2()
    return weights


def enlarge(planes: Tensor, height: int, width: int) -> Tensor:
    """(N, 1, ⌈height/2⌉, ⌈width/2⌉) → (N, 1, height, width): the authors' `imenlarge2`.

    It resizes M pixels to 4M - 3 by `imresize`, bilinear, adds one pixel at each end and takes every other pixel.
    """
    for dim, side in ((-2, height), (-1, width)):
        known = planes.shape[dim]
        place = torch.arange(side, dtype=torch.float64, device=planes.device) * 2 - 0.5
        place = (place * known / (4 * known - 3) - 0.5).clamp(0, known - 1)
        below = place.long().clamp_max(known - 2)
        part = (place - below).to(planes).view(-1, *[1] * (-1 - dim))
        planes = torch.lerp(planes.index_select(dim, below), planes.index_select(dim, below + 1), part)
    return planes
