"""Degradations that keep the size: what metrics are tried on, and what images are brought back from."""

from __future__ import annotations

import math

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from percept.primitives import gaussian, separable
from torch import Tensor
from torch.nn import functional

from percept_degradations.imresize import imresize

REACH = 4  # standard deviations, beyond which a Gaussian is cut off


class GaussianBlur:
    """Convolves with a Gaussian of standard deviation `sigma` pixels, mirrored at the borders: same shape.

    Raises ComponentError unless `sigma` is positive; calling it raises ImageError for anything but (N, 3, H, W), or
    for images of which the half-width of the window, 4 `sigma`, is not smaller.
    """

    scale = 1

    def __init__(self, sigma: float = 2.0) -> None:
        if not sigma > 0:
            raise ComponentError(f"gaussian-blur: sigma {sigma} is not positive; give pixels, such as 2")
        self.reach = math.ceil(REACH * sigma)
        self.window = gaussian(2 * self.reach + 1, sigma)

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:  # noqa: ARG002  # nothing random
        check_images(target, "gaussian-blur", self.reach + 1)
        padded = functional.pad(target, (self.reach,) * 4, mode="reflect")
        return separable(self.window, padded)[0].contiguous()


class Contrast:
    """Moves every value towards the image's own mean: m + `gain`·(x - m), m over pixels and channels; clamped.

    `gain` below 1 takes contrast away, above 1 adds some. Raises ComponentError for a negative gain; calling it raises
    ImageError for anything but (N, 3, H, W).
    """

    scale = 1

    def __init__(self, gain: float = 0.5) -> None:
        if not gain >= 0:
            raise ComponentError(f"contrast: gain {gain} is not a number from 0; give 1 for no change")
        self.gain = gain

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:  # noqa: ARG002  # nothing random
        check_images(target, "contrast")
        mean = target.mean((1, 2, 3), keepdim=True)
        return (mean + self.gain * (target - mean)).clamp(0, 1)


class Downscaling:
    """Bicubic to 1/`factor` of each side (at least a pixel), and bicubic back to the size it was; clamped.

    Raises ComponentError for a factor below 1; calling it raises ImageError for anything but (N, 3, H, W).
    """

    scale = 1

    def __init__(self, factor: float = 2.0) -> None:
        if not factor >= 1:
            raise ComponentError(f"downscaling: factor {factor} is not a number from 1; give 2 for half the size")
        self.factor = factor

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:  # noqa: ARG002  # nothing random
        check_images(target, "downscaling")
        height, width = target.shape[-2:]
        small = (max(1, round(height / self.factor)), max(1, round(width / self.factor)))
        return imresize(imresize(target, 1.0, small), 1.0, (height, width)).clamp(0, 1)


class WhiteNoise:
    """Nothing of the target is left: every value is drawn uniformly from [0, 1].

    Where Ding, Ma, Wang, Simoncelli, IJCV 129, 2021, start images from. Calling it raises ImageError for anything but
    (N, 3, H, W).
    """

    scale = 1

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        check_images(target, "white-noise")
        device = rng.device if rng is not None else target.device
        # One image after another, so that a batch is given what its images would be given one by one.
        drawn = [torch.rand(target.shape[1:], generator=rng, device=device) for _ in target]
        return torch.stack(drawn).to(target)
