"""Detection: how visible the error is, and how large. Larson & Chandler, JEI 19(1), 2010, section 3.1."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from percept_mad.filters import contrast_sensitivity
from percept_mad.grid import EDGE, SPAN, block_count, covered
from percept_mad.moments import CELL, blocks, cells

GAIN, EXPONENT = 0.02874, 2.2 / 3  # from grey levels to perceived luminance
DARK = 0.5  # mean luminance below which no error is seen
THRESHOLD = -5.0  # log contrast below which no error is seen, and below which the image does not mask
BLACK = 1e-8  # grey levels, added below the fractional power
TINY = 1e-20  # added to the variance of the error below the logarithm
SIDE = SPAN * CELL


class Masking(NamedTuple):
    """Of a reference: luminance (N, 1, H, W), and (N, h, w) the log deviation of an error that is just not seen."""

    luminance: Tensor
    hidden: Tensor


def luminance(levels: Tensor) -> Tensor:
    """Grey levels → perceived luminance, any shape; below 0 as at 0, where the slope is finite."""
    return GAIN * (levels.clamp_min(0) + BLACK) ** EXPONENT


def masking(luminance: Tensor) -> Masking:
    """Luminance (N, 1, H, W) → thresholds: the least deviation of up to four neighbouring 8×8 blocks, or mean / e⁵."""
    height, width = luminance.shape[-2:]
    seen = cells(_seen(luminance))
    mean = blocks(seen, SPAN).mean[:, 0]
    deviation = (blocks(seen, SPAN // 2).second[:, 0] / (SIDE**2 // 4 - 1)).sqrt()
    for dim, size in ((1, height), (2, width)):
        deviation = _least(deviation, dim, size)
    hidden = torch.maximum(deviation.log(), mean.clamp_min(DARK).log() + THRESHOLD)
    return Masking(luminance, hidden.masked_fill(mean < DARK, torch.inf))


def detection(error: Tensor, luminance: Tensor, masking: Masking) -> Tensor:
    """Error in grey levels, and luminance of images, (N, 1, H, W) → (N,): mean of (visibility · local error)², ≥ 0."""
    height, width = error.shape[-2:]
    variance = blocks(cells(_seen(luminance - masking.luminance)), SPAN).second[:, 0] / (SIDE**2 - 1)
    visibility = (0.5 * (variance + TINY).log() - masking.hidden).relu()
    local = _box(error.square())[..., EDGE - 7 : height - EDGE - 8, EDGE - 7 : width - EDGE - 8]
    beyond = [CELL * block_count(size) - local.shape[dim] for dim, size in ((3, width), (2, height))]
    squares = functional.pad(local.square(), (0, beyond[0], 0, beyond[1]))
    weights = functional.avg_pool2d(squares, CELL, divisor_override=1)[:, 0]
    total: Tensor = (visibility.square() * weights).sum((1, 2)) / local[0].numel()
    return total


def _seen(luminance: Tensor) -> Tensor:
    """Under the contrast sensitivity function, where blocks that count lie."""
    height, width = luminance.shape[-2:]
    response = contrast_sensitivity(height, width, luminance.dtype, luminance.device)
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(luminance) * response, s=(height, width))
    return filtered[..., covered(height), covered(width)]


def _least(deviation: Tensor, dim: int, size: int) -> Tensor:
    """The lesser of each block's and its successor's, if that begins more than 16 pixels before the end."""
    own = torch.arange(block_count(size), device=deviation.device)
    following = (own + 1).clamp_max((size - 2 * EDGE - 1) // CELL)
    return torch.minimum(deviation.index_select(dim, own), deviation.index_select(dim, following))


def _box(values: Tensor) -> Tensor:
    """(N, 1, H, W) → means over 16×16 pixels, (N, 1, H - 15, W - 15), by doubling."""
    for shift in (1, 2, 4, 8):
        values = values[..., shift:, :] + values[..., :-shift, :]
    for shift in (1, 2, 4, 8):
        values = values[..., shift:] + values[..., :-shift]
    return values / SIDE**2
