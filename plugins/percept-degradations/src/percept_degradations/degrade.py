"""The degradations: each takes targets (N, 3, H, W) in [0, 1] and returns what a generator is given."""

from __future__ import annotations

from io import BytesIO
from typing import Literal

import numpy as np
import torch
from percept.contracts import check_images
from percept.errors import ComponentError, ImageError
from percept.images import to_uint8
from PIL import Image
from torch import Tensor

from percept_degradations.imresize import imresize, imresize_uint8

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]


class Bicubic:
    """MATLAB's bicubic downscaling: (N, 3, H, W) → (N, 3, H/scale, W/scale) on the same device.

    scale     whole number from 1
    quantize  as for uint8 images: 256 levels in, between the two passes, and out, like the inputs that the field
              stores (bit-equal to Set5's at ×2, ×3 and ×4); otherwise in floating point, not clamped, differentiable

    Raises ComponentError for another scale; calling it raises ImageError if H or W is no multiple of `scale`.
    """

    def __init__(self, scale: int = 2, quantize: bool = True) -> None:
        if scale < 1:
            raise ComponentError(f"bicubic: scale {scale} is not a whole number from 1")
        self.scale = scale
        self._resize = imresize_uint8 if quantize else imresize

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:  # noqa: ARG002  # nothing random
        check_images(target, "bicubic")
        height, width = target.shape[-2:]
        if height % self.scale or width % self.scale:
            raise ImageError(f"bicubic: {width}×{height} is no multiple of scale {self.scale}; crop the target first")
        return self._resize(target, 1 / self.scale)


class GaussianNoise:
    """Adds white Gaussian noise of standard deviation `sigma`, in grey levels of 255: (N, 3, H, W) → the same shape.

    sigma  25 is the field's usual one (Zhang et al., arXiv:1608.03981, §IV)
    clip   clamp the result to [0, 1]; the paper does not, so that the noise stays Gaussian on black and white

    The images draw one after another, in float32 on the device of `rng`: a batch is given the noise that its images
    would be given one by one, and a CPU `rng` gives the same noise on every device.
    Raises ComponentError for a negative sigma; calling it raises ImageError for anything but (N, 3, H, W).
    """

    scale = 1

    def __init__(self, sigma: float = 25.0, clip: bool = False) -> None:
        if not sigma >= 0:
            raise ComponentError(f"gaussian-noise: sigma {sigma} is not a number from 0, in grey levels of 255")
        self.sigma = sigma
        self.clip = clip

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        check_images(target, "gaussian-noise")
        device = rng.device if rng is not None else target.device
        noise = [torch.randn(target.shape[1:], generator=rng, device=device, dtype=torch.float32) for _ in target]
        noisy = target + torch.stack(noise).to(target) * (self.sigma / 255)
        return noisy.clamp(0, 1) if self.clip else noisy


class Jpeg:
    """Through a baseline JPEG file and back (ITU-T T.81, libjpeg's quality scale): (N, 3, H, W) → the same shape.

    quality      1 to 100
    subsampling  of the two chroma planes

    Targets are clamped and rounded to 8 bits first; no gradients flow. Deterministic, but releases of libjpeg may
    differ by a level. Raises ComponentError for other parameters; calling it raises ImageError for anything but
    (N, 3, H, W).
    """

    scale = 1

    def __init__(self, quality: int = 75, subsampling: Subsampling = "4:2:0") -> None:
        if not 1 <= quality <= 100:
            raise ComponentError(f"jpeg: quality {quality} is not between 1 and 100")
        if subsampling not in ("4:4:4", "4:2:2", "4:2:0"):
            raise ComponentError(f"jpeg: subsampling {subsampling!r} is not offered; use 4:4:4, 4:2:2 or 4:2:0")
        self.quality = quality
        self.subsampling = subsampling

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:  # noqa: ARG002  # nothing random
        check_images(target, "jpeg")
        return torch.stack([self._recode(to_uint8(image)) for image in target]).to(target) / 255

    def _recode(self, image: np.ndarray) -> Tensor:
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=self.quality, subsampling=self.subsampling)
        with Image.open(file) as decoded:
            return torch.from_numpy(np.array(decoded)).permute(2, 0, 1)
