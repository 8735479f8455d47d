"""Gradient magnitude similarity deviation: Xue, Zhang, Mou, Bovik, TIP 23(2), 2014, equations 1 to 6."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import gray
from torch import Tensor, nn
from torch.nn import functional

C = 170.0  # in squared grey levels
MIN_SIZE = 6  # smaller ones have no pixel whose gradient the border leaves alone
TINY = 1e-12  # squared grey levels a pixel, added below the root of the gradient magnitude
TINIER = 1e-16  # added to the variance below the root of the deviation


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and its gradient magnitude (N, 1, ⌈H/2⌉, ⌈W/2⌉), grey levels a pixel."""

    reference: Tensor
    magnitude: Tensor


def gmsd(magnitude: Tensor, reference: Tensor) -> Tensor:
    """Gradient magnitudes (N, 1, h, w), those of the reference (N or 1, 1, h, w) → (N,), 0 for equal ones, ≥ 0.

    The deviation of 1 - similarity is taken, which is the same and loses nothing where images are alike. The variance
    is shifted by 1e-16, so that the root's slope is finite at 0: the result is too small by at most 1e-8.
    """
    dissimilarity = (magnitude - reference).square() / (magnitude.square() + reference.square() + C)
    variance: Tensor = dissimilarity.var((1, 2, 3))
    return (variance + TINIER).sqrt() - sqrt(TINIER)


def magnitude(gray: Tensor) -> Tensor:
    """(N, 1, H, W) grey levels → |∇| (N, 1, ⌈H/2⌉, ⌈W/2⌉), Prewitt/3 after means over 2×2 pixels; zeros beyond borders.

    A shift of the square by 1e-12 keeps the root's slope finite in flat regions, where it adds 1e-6 grey levels.
    """
    halved = functional.avg_pool2d(gray, 2, ceil_mode=True, divisor_override=4)
    padded = functional.pad(halved, (1, 1, 1, 1))
    below, beside = _sum_of_three(padded, -2), _sum_of_three(padded, -1)
    across = below[..., 2:] - below[..., :-2]
    down = beside[..., 2:, :] - beside[..., :-2, :]
    return ((across.square() + down.square()) / 9 + TINY).sqrt()


def _sum_of_three(values: Tensor, dim: int) -> Tensor:
    size = values.shape[dim] - 2
    return values.narrow(dim, 0, size) + values.narrow(dim, 1, size) + values.narrow(dim, 2, size)


class GMSD(nn.Module):
    """Assessor and fidelity loss, lower is better in both lives: 0 for equal images, seldom above .4.

    rounded  round the luminance to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 6 pixels a side.
    """

    def __init__(self, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its gradient magnitude."""
        check_images(reference, "GMSD", MIN_SIZE)
        return Prepared(reference, magnitude(255 * gray(reference, to_levels=self.rounded)))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """GMSD, (N,)."""
        check_pair(images, state.reference, "GMSD", MIN_SIZE)
        return gmsd(magnitude(255 * gray(images, to_levels=self.rounded)), state.magnitude)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """GMSD, (N,)."""
        return self.score(output, self.prepare(target))
