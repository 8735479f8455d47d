"""Natural scene statistics of image blocks: the 36 features of NIQE.

Mittal, Soundararajan, Bovik, "Making a 'completely blind' image quality analyzer", IEEE Signal Processing Letters
20(3), 2013; numbers of sections and equations are that paper's. Everything here is float64.
"""

from __future__ import annotations

import torch
from percept_degradations.imresize import imresize
from torch import Tensor
from torch.nn import functional

BLOCK = 96
FEATURES = 36
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
MATLAB_GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)
# Rounding leaves deviations of about 1e-13 on flat areas, whose signs would decide the scores of saturated images.
NOTHING = 1e-9

_FIRST_SHAPE, _LAST_SHAPE, _STEP = 0.2, 10.0, 0.001


def gaussian_window() -> Tensor:
    """(7,): the separable factor of the 7×7 Gaussian window of standard deviation 7/6, of sum 1."""
    weights = torch.exp(-torch.arange(-3, 4, dtype=torch.float64).square() / (2 * (7 / 6) ** 2))
    return weights / weights.sum()


def shape_ratios() -> Tensor:
    """(9801,): Γ(2/a)² / (Γ(1/a) Γ(3/a)) for the shapes a = 0.2, 0.201, … 10; it increases with a."""
    count = round((_LAST_SHAPE - _FIRST_SHAPE) / _STEP) + 1
    inverse = 1 / (_FIRST_SHAPE + _STEP * torch.arange(count, dtype=torch.float64))
    return torch.exp(2 * torch.lgamma(2 * inverse) - torch.lgamma(inverse) - torch.lgamma(3 * inverse))


def gray_levels(images: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] → (N, H, W) whole numbers 0 … 255 in float64, as MATLAB's rgb2gray of uint8 images."""
    weights = torch.tensor(MATLAB_GRAY, dtype=torch.float64, device=images.device).view(3, 1, 1)
    return (((images * 255).double() * weights).sum(dim=1) + 0.5).floor()


def block_features(gray: Tensor, window: Tensor, ratios: Tensor) -> Tensor:
    """(H, W) gray levels → (blocks, 36): 18 features at full, 18 at half size; NaN where a block is flat.

    H and W are first cropped to multiples of 96 from the top left, as the authors' code does.
    """
    full = cropped(gray)
    halves = [
        _features_of(split(normalised(level, window)[0], size), ratios)
        for level, size in ((full, BLOCK), (imresize(full, 0.5), BLOCK // 2))
    ]
    return torch.cat(halves, dim=1)


def block_sharpness(gray: Tensor, window: Tensor) -> Tensor:
    """(H, W) gray levels → (blocks,): the mean local standard deviation in each block (§II.B)."""
    _, deviation = normalised(cropped(gray), window)
    return split(deviation, BLOCK).mean(dim=(1, 2))


def normalised(gray: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """(H, W) → contrast-normalised values (eq. 1) and local standard deviations (eq. 3), both (H, W)."""
    mean = _windowed(gray, window)
    deviation = (_windowed(gray.square(), window) - mean.square()).abs().sqrt()
    values = (gray - mean) / (deviation + 1)
    return torch.where(values.abs() < NOTHING, 0.0, values), deviation


def asymmetric_gaussian(samples: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(…, n) → shape, left and right width, each (…,), of the asymmetric generalised Gaussian of equal moments (§II.C).

    The fit is Lasmar, Stitou, Berthoumieu's (ICIP 2009). Samples without a negative or without a positive value have
    NaN widths and the shape 0.2, as in the authors' code.
    """
    sides = samples.clamp(max=0), samples.clamp(min=0)
    counts = (samples < 0).sum(dim=-1), (samples > 0).sum(dim=-1)
    squares = [side.square().sum(dim=-1) for side in sides]
    left, right = ((s / count).sqrt() for s, count in zip(squares, counts, strict=True))
    mean_size = (sides[1].sum(dim=-1) - sides[0].sum(dim=-1)) / samples.shape[-1]
    shape = _shape(left / right, mean_size.square() * samples.shape[-1] / (squares[0] + squares[1]), ratios)
    width = torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)
    return shape, left * width, right * width


def cropped(gray: Tensor) -> Tensor:
    """(H, W) → the largest multiple of 96 of each side, from the top left."""
    height, width = (side // BLOCK * BLOCK for side in gray.shape)
    return gray[:height, :width]


def split(values: Tensor, size: int) -> Tensor:
    """(H, W), multiples of `size` → (blocks, size, size)."""
    rows, columns = (side // size for side in values.shape)
    return values.reshape(rows, size, columns, size).transpose(1, 2).flatten(0, 1)


def _features_of(blocks: Tensor, ratios: Tensor) -> Tensor:
    shape, left, right = asymmetric_gaussian(blocks.flatten(1), ratios)
    columns = [shape, (left + right) / 2]
    for shift in SHIFTS:
        products = blocks * blocks.roll(shift, dims=(1, 2))
        shape, left, right = asymmetric_gaussian(products.flatten(1), ratios)
        mean = (right - left) * torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))
        columns += [shape, mean, left, right]
    return torch.stack(columns, dim=1)


def _shape(skew: Tensor, ratio: Tensor, ratios: Tensor) -> Tensor:
    wanted = ratio * (skew**3 + 1) * (skew + 1) / (skew.square() + 1).square()
    nearest = torch.searchsorted((ratios[1:] + ratios[:-1]) / 2, wanted.contiguous())
    return _FIRST_SHAPE + _STEP * torch.where(wanted.isnan(), 0, nearest)


def _windowed(values: Tensor, window: Tensor) -> Tensor:
    reach = len(window) // 2
    padded = functional.pad(values[None, None], (reach,) * 4, mode="replicate")
    rows = functional.conv2d(padded, window.view(1, 1, -1, 1))
    return functional.conv2d(rows, window.view(1, 1, 1, -1))[0, 0]
