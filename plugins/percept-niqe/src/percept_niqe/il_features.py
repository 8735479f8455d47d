"""The 468 features of IL-NIQE for each block of an image.

Zhang, Zhang, Bovik, "A feature-enriched completely blind image quality evaluator", IEEE TIP 24(8), 2015; numbers of
sections are that paper's, constants those of the authors' code. Everything here is float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, exp

import torch
from torch import Tensor
from torch.nn import functional

from percept_niqe.features import contrast_features, cropped, split
from percept_niqe.log_gabor import ORIENTATIONS, SCALES, log_gabor
from percept_niqe.scenes import asymmetric_gaussian, normalised, width
from percept_niqe.weibull import weibull

SIDE, BLOCK = 524, 84
FEATURES = 468
OPPONENT = ((0.3, 0.04, -0.35), (0.34, -0.6, 0.17), (0.06, 0.63, 0.27))
LOGARITHMIC = ((1.0, 1.0, 1.0), (1.0, 1.0, -2.0), (1.0, -1.0, 0.0))
DARKEST = 1e-5  # in gray levels, added below the logarithm
EPS = torch.finfo(torch.float64).eps  # the least length of a gradient, as a Weibull distribution wants positive ones


def block_features(levels: Tensor, window: Tensor, ratios: Tensor) -> Tensor:
    """(3, 524, 524) levels 0 … 255 of R, G, B → (36 blocks, 468): 234 features at full, 234 at half size."""
    full = cropped(levels, BLOCK)
    found = [
        _features_of(planes, BLOCK // factor, 1.66 / factor**0.28, 2.4 / factor**0.87, window, ratios)
        for factor, planes in ((1, full), (2, halved(full)))
    ]
    return torch.cat(found, dim=1)


def halved(planes: Tensor) -> Tensor:
    """(K, H, W), both even → (K, H/2, W/2): every other pixel under 6×6 samples of a Gaussian of deviation 0.9."""
    height, width = planes.shape[-2:]
    samples = [exp(-((distance - 2.5) ** 2) / (2 * 0.9**2)) for distance in range(6)]
    taps = [sample / sum(samples) for sample in samples]
    padded = functional.pad(planes[None], (2, 3, 2, 3), mode="replicate")[0]
    rows = torch.stack([tap * padded[:, start : start + height : 2] for start, tap in enumerate(taps)]).sum(dim=0)
    return torch.stack([tap * rows[..., start : start + width : 2] for start, tap in enumerate(taps)]).sum(dim=0)


def gradients(planes: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """(K, H, W) → the derivatives across and down, each (K, H, W), of Gaussians of deviation `sigma`; zeros outside.

    The sign of neither matters to any feature. In flat areas both are exactly 0.
    """
    reach = ceil(3 * sigma)
    bell = [exp(-(distance**2) / (2 * sigma**2)) for distance in range(reach + 1)]
    padded = functional.pad(planes, (reach,) * 4)
    return _slope(_smooth(padded, bell, -2), bell, -1), _slope(_smooth(padded, bell, -1), bell, -2)


def _smooth(padded: Tensor, bell: list[float], axis: int) -> Tensor:
    reach = len(bell) - 1
    size = padded.shape[axis] - 2 * reach
    total = padded.narrow(axis, reach, size) * bell[0]
    for start in (*range(reach), *range(reach + 1, 2 * reach + 1)):
        total.add_(padded.narrow(axis, start, size), alpha=bell[abs(start - reach)])
    return total


def _slope(padded: Tensor, bell: list[float], axis: int) -> Tensor:
    reach = len(bell) - 1
    size = padded.shape[axis] - 2 * reach
    total = torch.zeros_like(padded.narrow(axis, 0, size))
    for distance in range(1, reach + 1):
        ahead, behind = (padded.narrow(axis, reach + step, size) for step in (distance, -distance))
        total.add_(ahead - behind, alpha=distance * bell[distance])
    return total


def _features_of(planes: Tensor, block: int, sigma: float, wavelength: float, window: Tensor, ratios: Tensor) -> Tensor:
    """(3, H, W) levels → (blocks, 234), in the order of the authors' matrix."""
    opponent = (planes.new_tensor(OPPONENT) @ planes.flatten(1)).view_as(planes)
    contrast = contrast_features(split(normalised(opponent[2], window)[0], block), ratios)
    across, down = gradients(opponent, sigma)
    edges = torch.stack([across, down], dim=1).flatten(0, 1)
    responses, slopes, lengths = [], [_spread(edges, block, ratios)], []
    for response in _responses(opponent[2], wavelength):
        right, below = gradients(response, sigma)
        responses.append(_spread(response, block, ratios))
        slopes.append(_spread(torch.stack([right, below], dim=1).flatten(0, 1), block, ratios))
        lengths.append(_lengths(right, below, block))
    colour = [_lengths(across, down, block), _moments(planes, block)]
    return torch.cat([contrast, *colour, slopes[0], *responses, *slopes[1:], *lengths], dim=1)


def _responses(plane: Tensor, wavelength: float) -> Iterator[Tensor]:
    """(H, H) → for each scale and orientation the real and imaginary responses (2, H, H)."""
    radial, angular = log_gabor(plane.shape[-1], wavelength, str(plane.device))
    spectrum = torch.fft.fft2(plane)
    for scale in range(SCALES):
        band = spectrum * radial[scale]
        for order in range(ORIENTATIONS):
            yield torch.view_as_real(torch.fft.ifft2(band * angular[order])).permute(2, 0, 1).contiguous()


def _spread(planes: Tensor, block: int, ratios: Tensor) -> Tensor:
    """(K, H, W) → (blocks, 2K): shape and mean width of each plane's asymmetric Gaussian in each block (§III.C)."""
    shape, left, right = asymmetric_gaussian(split(planes, block).flatten(2), ratios)
    return _columns(shape, (left + right) / 2 * width(shape))


def _lengths(across: Tensor, down: Tensor, block: int) -> Tensor:
    """Gradients (K, H, W) → (blocks, 2K): scale and shape of the Weibull distribution of their lengths (§III.B)."""
    squares = across.square().addcmul_(down, down)
    return _columns(*weibull(split((squares + EPS**2).log_() / 2, block).flatten(2)))


def _moments(planes: Tensor, block: int) -> Tensor:
    """(3, H, W) levels → (blocks, 6): mean and variance of the three logarithmic opponent colours (§III.D)."""
    logs = torch.log(planes + DARKEST)
    weights = functional.normalize(planes.new_tensor(LOGARITHMIC))
    colours = (weights @ (logs - logs.mean(dim=(1, 2), keepdim=True)).flatten(1)).view_as(planes)
    variance, mean = torch.var_mean(split(colours, block).flatten(2), dim=2)
    return _columns(mean, variance)


def _columns(first: Tensor, second: Tensor) -> Tensor:
    """Two features (K, blocks) of K planes → (blocks, 2K), plane by plane."""
    return torch.stack([first, second], dim=1).flatten(0, 1).T
