"""Visual saliency-induced index: Zhang, Shen, Li, TIP 23(10), 2014, equations 3 to 9."""

from __future__ import annotations

from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import mix
from torch import Tensor, nn

from percept_fsim.planes import gradient_magnitude, larger, real_power, shrink, similarity, weighted_mean
from percept_fsim.saliency import saliency

LMN = ((0.06, 0.63, 0.27), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))
C1, C2, C3 = 1.27, 386.0, 130.0  # constants of saliency, gradient magnitude, and both chromatic channels
ALPHA, BETA = 0.4, 0.02  # exponents of the gradient's and the chromatic similarity
FLOOR = 1e-8  # of the chromatic similarity's base: no score moves by more than 1e-6
MIN_SIZE = 8


class Prepared(NamedTuple):
    """A reference (N, 3, H, W), and its shrunken features.

    saliency   (N, 1, h, w), in [0, 1]
    magnitude  (N, 1, h, w): gradient of L, grey levels a pixel
    chroma     (N, 2, h, w): M and N, grey levels
    """

    reference: Tensor
    saliency: Tensor
    magnitude: Tensor
    chroma: Tensor


def vsi(image: Prepared, reference: Prepared, floor: float = FLOOR) -> Tensor:
    """Features of N images, and of as many references or one → (N,) in [0, 1], 1 for equal ones. Equation 9.

    Where nothing is salient in either, the pixels count alike.
    """
    contrast = similarity(image.magnitude, reference.magnitude, C2)
    first, second = similarity(image.chroma, reference.chroma, C3).chunk(2, dim=1)
    alike = (
        similarity(image.saliency, reference.saliency, C1) * contrast**ALPHA * real_power(first * second, BETA, floor)
    )
    return weighted_mean(alike, larger(image.saliency, reference.saliency))


class VSI(nn.Module):
    """Assessor, and fidelity loss 1 - VSI.

    floor  smallest base of the chromatic power; with 1e-3 no single pixel dominates the gradient, and values move
           by some 1e-4

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 8 pixels a side.
    """

    def __init__(self, floor: float = FLOOR) -> None:
        super().__init__()
        self.floor = floor

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its features."""
        check_images(reference, "VSI", MIN_SIZE)
        planes = mix(shrink(reference), [[255 * weight for weight in row] for row in LMN])
        return Prepared(reference, shrink(saliency(reference)), gradient_magnitude(planes[:, :1]), planes[:, 1:])

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """VSI, (N,)."""
        check_pair(images, state.reference, "VSI", MIN_SIZE)
        return vsi(self.prepare(images), state, self.floor)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - VSI, (N,)."""
        return 1 - self.score(output, self.prepare(target))
