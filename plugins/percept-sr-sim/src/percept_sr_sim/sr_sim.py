"""Spectral residual similarity: Zhang, Li, ICIP 2012, equations 4 to 7."""

from __future__ import annotations

from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import mix
from percept_fsim.planes import gradient_magnitude, larger, shrink, similarity, weighted_mean
from torch import Tensor, nn

from percept_sr_sim.saliency import saliency

LUMINANCE = (0.299, 0.587, 0.114)
C1, C2 = 0.4, 225.0  # constants of saliency and gradient magnitude
MIN_SIZE = 16  # saliency is found at a quarter of the size


class Prepared(NamedTuple):
    """A reference (N, 3, H, W), and its shrunken luminance's saliency and gradient magnitude (N, 1, h, w)."""

    reference: Tensor
    saliency: Tensor
    magnitude: Tensor


def sr_sim(image: Prepared, reference: Prepared) -> Tensor:
    """Features of N images, and of as many references or one → (N,), 1 for equal ones.

    Where nothing is salient in either, as in black images, the pixels count alike.
    """
    alike = similarity(image.saliency, reference.saliency, C1)
    alike = alike * similarity(image.magnitude, reference.magnitude, C2).sqrt()
    return weighted_mean(alike, larger(image.saliency, reference.saliency))


class SRSIM(nn.Module):
    """Assessor, and fidelity loss 1 - SR-SIM.

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 16 pixels a side.
    """

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its features."""
        check_images(reference, "SR-SIM", MIN_SIZE)
        luminance = mix(shrink(reference), [[255 * weight for weight in LUMINANCE]])
        return Prepared(reference, saliency(luminance), gradient_magnitude(luminance))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """SR-SIM, (N,)."""
        check_pair(images, state.reference, "SR-SIM", MIN_SIZE)
        return sr_sim(self.prepare(images), state)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - SR-SIM, (N,)."""
        return 1 - self.score(output, self.prepare(target))
