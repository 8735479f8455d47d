"""Peak signal-to-noise ratio, of RGB or of luma: Huynh-Thu and Ghanbari, Electronics Letters 44(13), 2008."""

from __future__ import annotations

from typing import Literal, NamedTuple

from percept.contracts import check_images, check_pair
from percept.errors import ComponentError
from torch import Tensor, nn

from percept_pixel.losses import mean_squared_error

LUMA = (65.481, 128.553, 24.966)  # ITU-R BT.601-7: R, G, B in [0, 1] → Y - 16; the offset cancels
PEAK_OF_LUMA = 255.0  # customary in super-resolution, although Y itself ends at 235
LEAST_ERROR = 1e-10
MOST = 100.0  # dB: PSNR of the least error


class Prepared(NamedTuple):
    """A reference (N, 3, H, W) and what of it is compared: (N, 3 or 1, h, w), a peak of 1."""

    reference: Tensor
    values: Tensor


def psnr(values: Tensor, reference: Tensor) -> Tensor:
    """(N, C, H, W) against (N or 1, C, H, W), a peak of 1 → (N,) dB, at most 100: mean squared errors end at 1e-10."""
    error = mean_squared_error(values, reference)
    return -10 * error.clamp_min(LEAST_ERROR).log10()


def luma(images: Tensor) -> Tensor:
    """(N, 3, H, W) sRGB in [0, 1] → (N, 1, H, W) in 0 … 219/255: BT.601 as MATLAB's rgb2ycbcr, less 16, not rounded."""
    count, _, height, width = images.shape
    weights = images.new_tensor(LUMA) / PEAK_OF_LUMA
    return (weights @ images.flatten(2)).view(count, 1, height, width)


class PSNR(nn.Module):
    """Assessor and fidelity loss: PSNR in dB, 100 for equal images; the loss is 100 - PSNR, whose gradient is 0 there.

    colour       `rgb`: one mean over the three channels; `luma`: BT.601 Y in 16–235 against a peak of 255
    crop_border  pixels left out at each side: papers on super-resolution leave out as many as the scale

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ImageError for other shapes, or if cropping leaves nothing;
    ComponentError if `crop_border` is negative.
    """

    def __init__(self, colour: Literal["rgb", "luma"] = "rgb", crop_border: int = 0) -> None:
        super().__init__()
        if crop_border < 0:
            raise ComponentError(f"PSNR: crop_border {crop_border} is negative; give 0 or more pixels")
        self.colour, self.crop_border = colour, crop_border
        self.min_size = 2 * crop_border + 1

    def prepare(self, reference: Tensor) -> Prepared:
        """The reference (N, 3, H, W) with what of it is compared."""
        check_images(reference, "PSNR", self.min_size)
        return Prepared(reference, self._compared(reference))

    def score(self, images: Tensor, state: Prepared) -> Tensor:
        """PSNR, (N,), dB."""
        check_pair(images, state.reference, "PSNR", self.min_size)
        return psnr(self._compared(images), state.values)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """100 - PSNR, (N,), dB, lower is better; above 100 only for outputs that leave [0, 1]."""
        return MOST - self.score(output, self.prepare(target))

    def _compared(self, images: Tensor) -> Tensor:
        border = self.crop_border
        if border:  # a slice of everything would cost its gradient a copy
            images = images[..., border:-border, border:-border]
        return luma(images) if self.colour == "luma" else images
