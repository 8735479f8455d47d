"""Structural similarity: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", TIP 13(4), 2004, equation 13."""

from __future__ import annotations

from typing import NamedTuple

from percept.contracts import check_images, check_pair
from percept.primitives import gaussian
from torch import Tensor, nn

from percept_ssim.moments import Moments, mean_dissimilarity, moments
from percept_ssim.pairs import mean_of_pair
from percept_ssim.planes import Colour, downsampled, planes


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and the moments of its planes."""

    reference: Tensor
    moments: Moments


def ssim(planes: Tensor, reference: Moments, window: Tensor) -> Tensor:
    """(N, C, H, W) in [0, 1] against moments of (N or 1, C, H, W) → (N,), mean over pixels and channels, in [-1, 1]."""
    return 1 - mean_dissimilarity(planes, reference, window).mean(1)


class SSIM(nn.Module):
    """Assessor and fidelity loss: SSIM, 1 for equal images; the loss is 1 - SSIM.

    colour   `gray`: MATLAB's rgb2gray, as the authors use; `rgb`: the mean of the three channels' values
    rounded  round to 256 levels first, as MATLAB does with 8-bit images; straight-through gradient
    window   side of the Gaussian window in pixels: the smallest image that it takes
    sigma    standard deviation of the window in pixels
    downsample  average over f×f pixels first, f = round(min(H, W) / 256): the authors' later ssim.m, made for images
             that are seen from afar; their first ssim_index.m, whose values most papers report, does not

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or if H or W is below `window`;
    ComponentError for a window that is not positive.
    """

    window: Tensor

    def __init__(
        self,
        colour: Colour = "gray",
        rounded: bool = False,
        window: int = 11,
        sigma: float = 1.5,
        downsample: bool = False,
    ) -> None:
        super().__init__()
        self.colour, self.rounded, self.downsample, self.min_size = colour, rounded, downsample, window
        self.register_buffer("window", gaussian(window, sigma), persistent=False)

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with its local means and variances."""
        check_images(reference, "SSIM", self.min_size)
        return Prepared(reference, moments(self._compared(reference), self.window, luminance=True))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """SSIM, (N,), in [-1, 1], higher is better."""
        check_pair(images, state.reference, "SSIM", self.min_size)
        return ssim(self._compared(images), state.moments, self.window)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """1 - SSIM, (N,), in [0, 2], lower is better."""
        check_pair(output, target, "SSIM", self.min_size)
        pair = self._compared(output), self._compared(target)
        return mean_of_pair(*pair, self.window, luminance=True).mean(1)

    def _compared(self, images: Tensor) -> Tensor:
        values = planes(images, self.colour, self.rounded)
        return downsampled(values) if self.downsample else values
