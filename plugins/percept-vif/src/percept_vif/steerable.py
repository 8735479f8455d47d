"""The oriented subbands of a steerable pyramid of fifth-order derivatives, and only those two that VIF looks at.

Simoncelli, Freeman, "The steerable pyramid", ICIP 1995; the filters are matlabPyrTools' `sp5Filters`, its borders
`reflect1`: mirrored about the edge pixels, which are not repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from percept_vif.correlate import Window, correlate, window

# An eighth of each isotropic filter, rows from its corner to its centre.
LOW_START = ((0.00341614,), (-0.01551246, 0.05586982), (-0.03848215, 0.1592557, 0.40304148))
LOW_STEP = (
    (0.00170808,),
    (-0.00489834, -0.01046562),
    (-0.00775624, -0.01322234, 0.02793492),
    (-0.01888864, 0.008212, 0.06554076, 0.12852666),
    (-0.01924108, 0.02005976, 0.07962786, 0.16339236, 0.2019308),
)
# A quarter of the horizontal derivative: even from row to row, odd from column to column, whose middle one is 0.
DERIVATIVE = (
    (0.00277643, -0.00986904, -0.01021852, 0.0),
    (0.00496194, -0.00893064, -0.03075356, 0.0),
    (0.01026699, 0.01189859, -0.08226445, 0.0),
    (0.01455399, 0.02755155, -0.11732297, 0.0),
)


class Filters(NamedTuple):
    """What makes the finest low-pass plane, its two subbands, and the next coarser low-pass plane."""

    start: Window
    bands: Window
    step: Window


def subbands(planes: Tensor, scales: int) -> list[Tensor]:
    """(N, 1, H, W) → for each scale, finest first, (N, 2, ⌈H/2ᵏ⌉, ⌈W/2ᵏ⌉): horizontal and vertical derivative."""
    filters = _filters(planes.dtype, str(planes.device))
    low = correlate(_mirrored(planes, 2), filters.start)
    bands = [correlate(_mirrored(low, 3), filters.bands)]
    for _ in range(1, scales):
        low = correlate(_mirrored(low, 4), filters.step)
        bands.append(correlate(_mirrored(low, 3), filters.bands))
    return bands


def _mirrored(planes: Tensor, margin: int) -> Tensor:
    return functional.pad(planes, (margin,) * 4, mode="reflect")


@lru_cache(maxsize=8)
def _filters(dtype: torch.dtype, device: str) -> Filters:
    across = _unfolded(DERIVATIVE, odd=True)
    taps = torch.stack([across, across.T])
    start, step = _unfolded(_square(LOW_START)), _unfolded(_square(LOW_STEP))
    return Filters(
        window(start[None], dtype=dtype, device=device),
        window(taps, dtype=dtype, device=device),
        window(step[None], (2, 2), dtype=dtype, device=device),
    )


def _square(eighth: Sequence[Sequence[float]]) -> list[list[float]]:
    """The quarter of which half is given: symmetric about its diagonal."""
    size = len(eighth)
    return [[eighth[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]


def _unfolded(quarter: Sequence[Sequence[float]], odd: bool = False) -> Tensor:
    """(k, k) → (2k - 1, 2k - 1): mirrored down and to the right, there of the opposite sign if `odd`."""
    upper = torch.tensor(quarter, dtype=torch.float64)
    half = torch.cat([upper, upper[:-1].flip(0)])
    return torch.cat([half, half[:, :-1].flip(1) * (-1 if odd else 1)], dim=1)
