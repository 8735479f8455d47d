"""Where the blocks lie: every 4 pixels, from 16 pixels inside the border, each worth the 4×4 pixels at its top left."""

from __future__ import annotations

import torch
from torch import Tensor

from percept_mad.moments import CELL

EDGE = 16  # pixels left out above and on the left; below and on the right one more
SPAN = 4  # cells a side of a block
MIN_SIZE = 2 * EDGE + 2


def block_count(size: int) -> int:
    """How many blocks along a side of `size` pixels have pixels that count; the last may have fewer than 4."""
    return (size - 2 * EDGE - 2) // CELL + 1


def covered(size: int) -> slice:
    """The pixels along a side of `size` pixels that these blocks cover."""
    return slice(EDGE, EDGE + CELL * (block_count(size) + SPAN - 1))


def mean(values: Tensor, height: int, width: int) -> Tensor:
    """Blocks' values (N, h, w) → (N,): mean over the pixels that count of an image of that height and width."""
    rows, columns = (_shares(size).to(values) for size in (height, width))
    return (values * columns).sum(-1) @ rows


def _shares(size: int) -> Tensor:
    pixels = torch.full((block_count(size),), float(CELL), dtype=torch.float64)
    pixels[-1] = (size - 2 * EDGE - 2) % CELL + 1
    return pixels / pixels.sum()
