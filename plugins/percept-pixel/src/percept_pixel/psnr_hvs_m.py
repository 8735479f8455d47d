"""PSNR-HVS-M: Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", VPQM 2007."""

from __future__ import annotations

from typing import NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.primitives import GRAY, mix, safe_sqrt
from torch import Tensor, nn

SIDE = 8
PEAK = 255.0
MIDDLE = 128.0  # subtracted from both images, which changes nothing, but float32 rounds less around 0
MOST = 100.0  # dB
TINY = 1e-12
SENSITIVITY = (
    (1.608443, 2.339554, 2.573509, 1.608443, 1.072295, 0.643377, 0.504610, 0.421887),
    (2.144591, 2.144591, 1.838221, 1.354478, 0.989811, 0.443708, 0.428918, 0.467911),
    (1.838221, 1.979622, 1.608443, 1.072295, 0.643377, 0.451493, 0.372972, 0.459555),
    (1.838221, 1.513829, 1.169777, 0.887417, 0.504610, 0.295806, 0.321689, 0.415082),
    (1.429727, 1.169777, 0.695543, 0.459555, 0.378457, 0.236102, 0.249855, 0.334222),
    (1.072295, 0.735288, 0.467911, 0.402111, 0.317717, 0.247453, 0.227744, 0.279729),
    (0.525206, 0.402111, 0.329937, 0.295806, 0.249855, 0.212687, 0.214459, 0.254803),
    (0.357432, 0.279729, 0.270896, 0.262603, 0.229778, 0.257351, 0.249855, 0.259950),
)
"""Of the eye, for each coefficient of an 8×8 DCT: vertical frequency down, horizontal across."""
MASKING = (
    (0.390625, 0.826446, 1.000000, 0.390625, 0.173611, 0.062500, 0.038447, 0.026874),
    (0.694444, 0.694444, 0.510204, 0.277008, 0.147929, 0.029727, 0.027778, 0.033058),
    (0.510204, 0.591716, 0.390625, 0.173611, 0.062500, 0.030779, 0.021004, 0.031888),
    (0.510204, 0.346021, 0.206612, 0.118906, 0.038447, 0.013212, 0.015625, 0.026015),
    (0.308642, 0.206612, 0.073046, 0.031888, 0.021626, 0.008417, 0.009426, 0.016866),
    (0.173611, 0.081633, 0.033058, 0.024414, 0.015242, 0.009246, 0.007831, 0.011815),
    (0.041649, 0.024414, 0.016437, 0.013212, 0.009426, 0.006830, 0.006944, 0.009803),
    (0.019290, 0.011815, 0.011080, 0.010412, 0.007972, 0.010000, 0.009426, 0.010203),
)
"""How strongly each coefficient masks, and is masked by, the others; that of the mean does neither."""


class Tables(NamedTuple):
    """`transform` (64, 67): pixels of a block → coefficients times sensitivity, and three contrasts of its quarters.

    `energies` (64, 2): squares of the former → energy weighted by masking, and all energy, without the mean's.
    `masked` (64,): how much of a block's masking a coefficient is spared, times sensitivity.
    """

    transform: Tensor
    energies: Tensor
    masked: Tensor


class Blocks(NamedTuple):
    """B blocks: coefficients times sensitivity (N, B, 64), and how much each masks (N, B), in grey levels."""

    coefficients: Tensor
    masking: Tensor


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and its blocks."""

    reference: Tensor
    blocks: Blocks


def psnr_hvs_m(candidate: Blocks, reference: Blocks, masked: Tensor) -> Tensor:
    """Blocks of N images and of their N or 1 references → (N,) dB, at most 100."""
    difference = (candidate.coefficients - reference.coefficients).abs()
    masking = torch.maximum(candidate.masking, reference.masking)
    visible = (difference - masking[..., None] * masked).relu()
    error = visible.square().mean((1, 2)) / PEAK**2
    return -10 * error.clamp_min(10 ** (-MOST / 10)).log10()


def blocks(levels: Tensor, tables: Tables) -> Blocks:
    """(N, 1, H, W) grey levels → blocks of 8×8 pixels from the first row and column; what fills no block is left out.

    A block masks by its weighted energy, and by how much of its variance lies within its quarters: with an edge through
    it, it masks less than with texture. The variance between quarters is the energy of three contrasts of their means.
    """
    count, _, height, width = levels.shape
    rows, columns = height // SIDE, width // SIDE
    whole = levels[..., : rows * SIDE, : columns * SIDE].reshape(count, rows, SIDE, columns, SIDE)
    both = whole.transpose(2, 3).reshape(count, rows * columns, SIDE**2) @ tables.transform
    coefficients, contrasts = both.tensor_split([SIDE**2], dim=-1)
    weighted, total = (coefficients.square() @ tables.energies).unbind(-1)
    within = (total - contrasts.square().sum(-1)).clamp_min(0)
    texture = (16 / 15 * within) / (64 / 63 * total + TINY)  # sample variances times the number of samples
    return Blocks(coefficients, safe_sqrt(weighted * texture, TINY) / 32)


def tables() -> Tables:
    """In float64."""
    sensitivity = torch.tensor(SENSITIVITY, dtype=torch.float64).flatten()
    masking = torch.tensor(MASKING, dtype=torch.float64).flatten()
    varying = torch.ones_like(masking)
    varying[0] = 0
    place = torch.arange(SIDE, dtype=torch.float64)
    waves = (torch.pi / SIDE * (place + 0.5) * place[:, None]).cos() * (2 / SIDE) ** 0.5
    waves[0] /= 2**0.5
    sign, one = torch.where(place < SIDE / 2, 1.0, -1.0).to(place), torch.ones_like(place)
    contrasts = [torch.outer(*pair).flatten() / SIDE for pair in ((sign, one), (one, sign), (sign, sign))]
    transform = torch.cat((torch.kron(waves, waves) * sensitivity[:, None], torch.stack(contrasts)))
    energies = torch.stack((masking, torch.ones_like(masking)), 1) * (varying / sensitivity.square())[:, None]
    return Tables(transform.T.contiguous(), energies, varying * sensitivity / masking)


class PSNRHVSM(nn.Module):
    """Assessor and fidelity loss: PSNR-HVS-M in dB, 100 at most; the loss is 100 - PSNR-HVS-M.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 8 pixels a side.
    """

    transform: Tensor
    energies: Tensor
    masked: Tensor

    def __init__(self, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded
        for name, table in tables()._asdict().items():
            self.register_buffer(name, table, persistent=False)

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its blocks."""
        check_images(reference, "PSNR-HVS-M", SIDE)
        return Prepared(reference, self._blocks(reference))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """PSNR-HVS-M, (N,), dB, higher is better."""
        check_pair(images, state.reference, "PSNR-HVS-M", SIDE)
        return psnr_hvs_m(self._blocks(images), state.blocks, self.masked.to(images))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """100 - PSNR-HVS-M, (N,), ≥ 0, lower is better."""
        return MOST - self.score(output, self.prepare(target))

    def _blocks(self, images: Tensor) -> Blocks:
        known = Tables(self.transform.to(images), self.energies.to(images), self.masked.to(images))
        levels = mix(images, [[PEAK * weight for weight in GRAY]])
        if self.rounded:
            levels = levels + (levels.round() - levels).detach()
        return blocks(levels - MIDDLE, known)
