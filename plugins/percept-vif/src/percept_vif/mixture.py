"""The Gaussian scale mixture of a subband's 3×3 blocks: covariance C, what whitens them, and their information."""

from __future__ import annotations

import torch
from torch import Tensor

SIDE = 3  # of the blocks of neighbours
RANK = 10  # eigenvalues below so many epsilons of the largest are rounding
MIXED = [[0, 4, 8], [1, 3, 7], [2, 5, 6]]  # small with large eigenvalues: no product vanishes or overflows
CHUNK = 16384  # products summed in the images' precision before float64 takes over


def information(ratio: Tensor, products: Tensor) -> Tensor:
    """Σ log(1 + ratio·λ) over windows and eigenvalues: (N, 2, a, b) and (N, 2, 3, 3) → (N,) nats.

    Three logarithms of ∏(1 + ratio·λ) - 1, each of three eigenvalues, instead of nine.
    """
    total = ratio.new_zeros(())
    for group in products.unbind(2):
        first, second, third = group[..., None, None].unbind(2)
        total = total + (ratio * (first + ratio * (second + ratio * third))).log1p().sum((1, 2, 3))
    return total


def covariance(bands: Tensor) -> Tensor:
    """(N, 2, h, w) → (N, 2, 9, 9) float64: covariance of all 3×3 neighbours, also overlapping ones."""
    height, width = (side - SIDE + 1 for side in bands.shape[-2:])
    shifted = [bands[..., i : i + height, j : j + width] for i in range(SIDE) for j in range(SIDE)]
    neighbours = torch.stack(shifted, dim=2).flatten(3)
    parts = [(part @ part.mT).double() for part in torch.split(neighbours, CHUNK, dim=-1)]
    mean = neighbours.mean(-1, keepdim=True).double()
    return torch.stack(parts).sum(0) / (height * width) - mean @ mean.mT


def decomposed(covariance: Tensor, rank: float) -> tuple[Tensor, Tensor]:
    """(N, 2, 9, 9) → eigenvalues (N, 2, 9), ascending, and what whitens, (N, 2, 9, 9): rows are directions.

    Directions whose variance is rounding have eigenvalue 0, and s² leaves them out.
    """
    values, vectors = torch.linalg.eigh(covariance)
    real = values > (rank * values[..., -1:]).clamp_min(torch.finfo(values.dtype).tiny)
    values = torch.where(real, values, 0)
    scales = torch.where(real, torch.where(real, values, 1).rsqrt(), 0)
    return values, (vectors * scales.unsqueeze(-2)).mT


def products(eigenvalues: Tensor) -> Tensor:
    """(N, 2, 9) → (N, 2, 3, 3): sum, pairwise products' sum and product of each of three groups of three."""
    first, second, third = eigenvalues[..., MIXED].unbind(-1)
    pairs = first * second + second * third + third * first
    return torch.stack([first + second + third, pairs, first * second * third], dim=-1)


def field(bands: Tensor, whitening: Tensor, margin: int) -> Tensor:
    """(N, 2, h, w) → s², (N, 2, a, b), of blocks side by side, less `margin` of them at each border."""
    count, two, height, width = bands.shape
    split = bands.reshape(count, two, height // SIDE, SIDE, width // SIDE, SIDE).permute(0, 1, 3, 5, 2, 4)
    blocks = split.flatten(2, 3)[..., margin : height // SIDE - margin, margin : width // SIDE - margin]
    white = whitening.to(bands) @ blocks.flatten(3)
    return white.square().mean(2).view(count, two, *blocks.shape[-2:])
