"""Structural similarity: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", TIP 13(4), 2004, equation 13."""

from __future__ import annotations

from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import gaussian
from torch import Tensor, nn

from percept_ssim.moments import Moments, dissimilarity, moments
from percept_ssim.planes import Colour, planes


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and the moments of its planes."""

    reference: Tensor
    moments: Moments


def ssim(planes: Tensor, reference: Moments, window: Tensor) -> Tensor:
    """(N, C, H, W) in [0, 1] against moments of (N or 1, C, H, W) → (N,), mean over pixels and channels, in [-1, 1]."""
    return 1 - dissimilarity(planes, reference, window, luminance=True).mean((1, 2, 3))


class SSIM(nn.Module):
    """Assessor and fidelity loss: SSIM, 1 for equal images; the loss is 1 - SSIM.

    colour   `gray`: MATLAB's rgb2gray, as the authors use; `rgb`: the mean of the three channels' values
    rounded  round to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient
    window   side of the Gaussian window in pixels: the smallest image that it takes
    sigma    standard deviation of the window in pixels

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or if H or W is below `window`;
    ComponentError for a window that is not positive.
    """

    window: Tensor

    def __init__(self, colour: Colour = "gray", rounded: bool = False, window: int = 11, sigma: float = 1.5) -> None:
        super().__init__()
        self.colour, self.rounded, self.min_size = colour, rounded, window
        self.register_buffer("window", gaussian(window, sigma), persistent=False)

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its local means and variances."""
        check_images(reference, "SSIM", self.min_size)
        return Prepared(reference, moments(planes(reference, self.colour, self.rounded), self.window))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """SSIM, (N,), in [-1, 1], higher is better."""
        check_pair(images, state.reference, "SSIM", self.min_size)
        return ssim(planes(images, self.colour, self.rounded), state.moments, self.window)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - SSIM, (N,), in [0, 2], lower is better."""
        return 1 - self.score(output, self.prepare(target))
