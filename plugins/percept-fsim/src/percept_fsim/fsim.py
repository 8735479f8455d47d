"""Feature similarity: Zhang, Zhang, Mou, Zhang, TIP 20(8), 2011, equations 4 to 12."""

from __future__ import annotations

from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import mix
from torch import Tensor, nn

from percept_fsim.phase import phase_congruency
from percept_fsim.planes import gradient_magnitude, larger, real_power, shrink, similarity, weighted_mean

YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
T1, T2, T3 = 0.85, 160.0, 200.0  # constants of phase congruency, gradient magnitude, and both chromatic channels
CHROMATIC = 0.03  # exponent of the chromatic similarity
FLOOR = 1e-8  # of the chromatic similarity's base: no score moves by more than 1e-6
MIN_SIZE = 8


class Prepared(NamedTuple):
    """A reference (N, 3, H, W), and of its shrunken luminance, all (N, 1, h, w) but for the chroma.

    congruency  phase congruency, in [0, 1]
    magnitude   of the gradient, grey levels a pixel
    chroma      (N, 2, h, w): I and Q, grey levels; None for FSIM
    """

    reference: Tensor
    congruency: Tensor
    magnitude: Tensor
    chroma: Tensor | None


def fsim(image: Prepared, reference: Prepared, floor: float = FLOOR) -> Tensor:
    """Features of N images, and of as many references or one → (N,) in [0, 1], 1 for equal ones.

    Equation 10; with chroma, equation 12. Where neither has any phase congruency, the pixels count alike.
    """
    alike = similarity(image.congruency, reference.congruency, T1)
    alike = alike * similarity(image.magnitude, reference.magnitude, T2)
    if image.chroma is not None and reference.chroma is not None:
        first, second = similarity(image.chroma, reference.chroma, T3).chunk(2, dim=1)
        alike = alike * real_power(first * second, CHROMATIC, floor)
    return weighted_mean(alike, larger(image.congruency, reference.congruency))


class FSIM(nn.Module):
    """Assessor, and fidelity loss 1 - FSIM.

    chroma  also compare I and Q, which is FSIMc
    floor   smallest base of the chromatic power; with 1e-3 no single pixel dominates the gradient, and values move
            by some 1e-4

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or below 8 pixels a side.
    """

    def __init__(self, chroma: bool = False, floor: float = FLOOR) -> None:
        super().__init__()
        self.chroma = chroma
        self.floor = floor

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its features."""
        check_images(reference, self._name, MIN_SIZE)
        planes = mix(shrink(reference), [[255 * weight for weight in row] for row in (YIQ if self.chroma else YIQ[:1])])
        luminance = planes[:, :1]
        return Prepared(
            reference,
            phase_congruency(luminance),
            gradient_magnitude(luminance),
            planes[:, 1:] if self.chroma else None,
        )

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """FSIM or FSIMc, (N,)."""
        check_pair(images, state.reference, self._name, MIN_SIZE)
        return fsim(self.prepare(images), state, self.floor)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - FSIM or 1 - FSIMc, (N,)."""
        return 1 - self.score(output, self.prepare(target))

    @property
    def _name(self) -> str:
        return "FSIMc" if self.chroma else "FSIM"
