"""The assessor `piqe`: Venkatanath, Praneeth, Chandrasekhar Bh, Channappayya, Medasani, NCC 2015, as MATLAB has it."""

from __future__ import annotations

import torch
from percept.contracts import check_images
from percept_niqe.scenes import gaussian_window, gray_levels, normalised
from torch import Tensor, nn
from torch.nn import functional

BLOCK = 16
SEGMENT = 6
ACTIVE = 0.1  # the least variance of a block that is looked at
IMPAIRED = 0.1  # the least standard deviation of a segment without artefact
CENTRE = (7, 8)
# MATLAB deletes column 8 first, and then what has become column 9: the tenth is missing, and not the ninth.
SURROUND = (0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15)


def piqe(gray: Tensor, window: Tensor) -> Tensor:
    """(H, W) gray levels → scalar, 0 … 100; 100 if no block is active. `window` is that of `gaussian_window`."""
    blocks = split(normalised(completed(gray), window)[0])
    sums = blocks.sum(dim=1), blocks.square().sum(dim=1)
    variance = variance_of(*sums)
    active = variance > ACTIVE
    spoilt = impaired(blocks) * (1 - variance) + noisy(variance, *sums) * variance
    return 100 * ((active * spoilt).sum() + 1) / (active.sum() + 1)


def completed(gray: Tensor) -> Tensor:
    """(H, W) → multiples of 16: the last row and column are repeated."""
    below, right = (-side % BLOCK for side in gray.shape)
    return functional.pad(gray[None, None], (0, right, 0, below), mode="replicate")[0, 0]


def split(values: Tensor) -> Tensor:
    """Normalised values (H, W), multiples of 16 → (blocks, 16, 16)."""
    rows, columns = (side // BLOCK for side in values.shape)
    return values.view(rows, BLOCK, columns, BLOCK).transpose(1, 2).reshape(-1, BLOCK, BLOCK)


def impaired(blocks: Tensor) -> Tensor:
    """(K, 16, 16) → (K,) bool, whether some 6 neighbours along an edge hardly differ, as edges of JPEG's blocks do."""
    edges = torch.stack([blocks[:, 0], blocks[:, -1], blocks[..., 0], blocks[..., -1]], dim=1)
    mean, square = (functional.avg_pool1d(values, SEGMENT, stride=1) for values in (edges, edges.square()))
    variance = (square - mean.square()) * SEGMENT / (SEGMENT - 1)
    return (variance < IMPAIRED**2).flatten(1).any(dim=1)


def noisy(variance: Tensor, sums: Tensor, squares: Tensor) -> Tensor:
    """Variances (K,), sums and squares of columns (K, 16) → (K,) bool, whether centre and block deviate alike."""
    deviation = variance.sqrt()
    centre, surround = (variance_of(sums[:, columns], squares[:, columns]).sqrt() for columns in (CENTRE, SURROUND))
    share = (centre / surround).nan_to_num(nan=0.0, posinf=torch.inf)
    beta = (deviation - share).abs() / torch.maximum(deviation, share)
    return deviation > 2 * beta


def variance_of(sums: Tensor, squares: Tensor) -> Tensor:
    """Sums and sums of squares (K, c) of c columns → (K,): the variance of all their values, with n - 1."""
    count = BLOCK * sums.shape[1]
    return ((squares.sum(dim=1) - sums.sum(dim=1).square() / count) / (count - 1)).clamp_min(0)


class PIQE(nn.Module):
    """Perception-based image quality evaluator: (N, 3, H, W) in [0, 1] → (N,), 0 … 100, lower is better.

    Computed in float64 and returned in the dtype of the images; needs neither a reference nor a trained model. An
    assessor only: it counts blocks, which has no gradients to descend. Images without structure score 100.

    Raises ImageError for other shapes.
    """

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", gaussian_window(), persistent=False)

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    @torch.no_grad()
    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "piqe")
        return torch.stack([piqe(gray, self.window) for gray in gray_levels(images)]).to(images.dtype)
