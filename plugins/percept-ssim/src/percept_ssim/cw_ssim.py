"""Complex-wavelet SSIM: Sampat, Wang, Gupta, Bovik, Markey, TIP 18(11), 2009, equation 11."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from percept.contracts import check_images, check_pair
from percept.errors import ComponentError
from percept.primitives import safe_norm, separable
from torch import Tensor, nn

from percept_ssim.planes import planes
from percept_ssim.steerable import bands

SIDE = 7  # of the window over a band, in its pixels
TINY = 1e-6  # squared size of a band's coefficients below which they count as nothing; they are up to 16,000
TINIEST = 1e-30  # below the root of a squared product of coefficients


class Prepared(NamedTuple):
    """A reference (N, 3, H, W), and its complex bands (N, K, h, w) with their squared magnitudes."""

    reference: Tensor
    bands: Tensor
    power: Tensor


def cw_ssim(candidate: Tensor, reference: Tensor, power: Tensor, k: float = 0.0) -> Tensor:
    """Complex bands (N, K, h, w), those of the reference, (N or 1, …), and their squared magnitudes → (N,), in [0, 1].

    The fraction (2|Σ cx·cy*| + k) / (Σ|cx|² + Σ|cy|² + k) is evaluated as 1 less what is missing: with TINY below it,
    that is 1 where neither image has anything, for which the authors' code gives 0/0.
    """
    product = candidate * reference.conj()
    powers = _power(candidate) + power
    window = powers.new_full((SIDE,), 1 / SIDE)
    real, imaginary, total = separable(window, product.real, product.imag, powers)
    missing = (total - 2 * safe_norm(real, imaginary, TINIEST)) / (total + (k + TINY))
    weights = _weights(*missing.shape[-2:], missing.shape[-2] + SIDE - 1, missing.dtype, missing.device)
    return 1 - (missing.mean(1) * weights).sum((-2, -1))


def _power(values: Tensor) -> Tensor:
    return values.real.square() + values.imag.square()


@lru_cache(maxsize=8)
def _weights(height: int, width: int, rows: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(height, width), sum 1: a Gaussian around the middle, of standard deviation rows / 4 in either direction."""
    with torch.inference_mode(False):  # what is cached must serve autograd, too
        sides = []
        for side in (height, width):
            distance = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
            profile = (-distance.square() / (2 * (rows / 4) ** 2)).exp()
            sides.append(profile / profile.sum())
        return torch.outer(*sides).to(device, dtype)


class CWSSIM(nn.Module):
    """Assessor and fidelity loss: CW-SSIM, 1 for equal images; the loss is 1 - CW-SSIM.

    rounded       round the luminance to 256 levels first, as MATLAB does; straight-through gradient
    level         which level of the pyramid is compared, 1 the finest; it needs 2^(level + 2) pixels a side
    orientations  of the pyramid's bands, 1 to 16
    k             the constant of equation 11, in squared units of the authors' code, grey levels 0 to 255

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or smaller images;
    ComponentError for a level or a number of orientations that there is not.
    """

    def __init__(self, rounded: bool = False, level: int = 4, orientations: int = 8, k: float = 0.0) -> None:
        super().__init__()
        if level < 1 or not 1 <= orientations <= 16 or k < 0:
            raise ComponentError(
                f"CW-SSIM with level {level}, {orientations} orientations, k {k}: give a level from 1, 1 to 16 "
                "orientations and k of 0 or more"
            )
        self.rounded, self.level, self.orientations, self.k = rounded, level, orientations, k
        self.min_size = 1 << (level + 2)

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its bands."""
        check_images(reference, "CW-SSIM", self.min_size)
        known = self._bands(reference)
        return Prepared(reference, known, _power(known))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """CW-SSIM, (N,), in [0, 1], higher is better."""
        check_pair(images, state.reference, "CW-SSIM", self.min_size)
        return cw_ssim(self._bands(images), state.bands, state.power, self.k)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - CW-SSIM, (N,), in [0, 1], lower is better."""
        return 1 - self.score(output, self.prepare(target))

    def _bands(self, images: Tensor) -> Tensor:
        return bands(255 * planes(images, "gray", self.rounded)[:, 0], self.level, self.orientations)
