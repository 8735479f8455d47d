"""Multi-scale GMSD of luminance: Zhang, Sander, Bermak, ICASSP 2017."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from percept.contracts import check_images, check_pair
from torch import Tensor, nn

from percept_gmsd.gradients import dissimilarity, halve, luminance, magnitude, variance

LUMINANCE = (0.299, 0.587, 0.114)  # Y of YIQ, in which the paper works
WEIGHTS = (0.096, 0.596, 0.289, 0.019)  # finest scale first; they sum to 1
MASKING = 0.5  # the paper's α
MIN_SIZE = 17  # leaves 3×3 pixels at the coarsest scale: one whose gradient the border leaves alone
TINY = 1e-16  # added to the variance below the root of the deviation


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and thrice its gradient magnitudes, finest scale first, each (N, 1, h, w)."""

    reference: Tensor
    magnitudes: tuple[Tensor, ...]


def ms_gmsd(magnitudes: tuple[Tensor, ...], reference: tuple[Tensor, ...]) -> Tensor:
    """Maps 3|∇| (N, 1, h, w) of each scale, those of the reference (N or 1, 1, h, w) → (N,), ≥ 0.

    √Σ wⱼσⱼ², with σⱼ² the variance, over n, of the masked similarity. The root is shifted by 1e-16, so that its slope
    is finite at 0: the result is too small by at most 1e-8.
    """
    total = magnitudes[0].new_zeros(())
    for weight, scale, known in zip(WEIGHTS, magnitudes, reference, strict=True):
        total = total + weight * variance(dissimilarity(scale, known, MASKING), correction=0)
    return (total + TINY).sqrt() - sqrt(TINY)


def magnitudes(images: Tensor) -> tuple[Tensor, ...]:
    """(N, 3, H, W) in [0, 1] → 3|∇| at full, half, quarter and eighth size, grey levels a pixel."""
    scales = [luminance(images, LUMINANCE)]
    while len(scales) < len(WEIGHTS):
        scales.append(halve(scales[-1]))
    return tuple(magnitude(scale) for scale in scales)


class MSGMSD(nn.Module):
    """Assessor and fidelity loss, lower is better in both lives: 0 for equal images, seldom above .4.

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 17 pixels a side.
    """

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its gradient magnitudes."""
        check_images(reference, "MS-GMSD", MIN_SIZE)
        return Prepared(reference, magnitudes(reference))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """MS-GMSD, (N,)."""
        check_pair(images, state.reference, "MS-GMSD", MIN_SIZE)
        return ms_gmsd(magnitudes(images), state.magnitudes)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """MS-GMSD, (N,)."""
        return self.score(output, self.prepare(target))
