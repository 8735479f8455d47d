"""The generator `bicubic`: the baseline that every restoration study carries."""

from __future__ import annotations

from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn

from percept_degradations.imresize import imresize


class Bicubic(nn.Module):
    """MATLAB's bicubic enlargement: (N, 3, h, w) → (N, 3, h·scale, w·scale), not clamped; it has no parameters.

    Raises ComponentError unless `scale` is a whole number from 1; calling it raises ImageError for anything but
    (N, 3, h, w).
    """

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        if scale < 1:
            raise ComponentError(f"bicubic: scale {scale} is not a whole number from 1")
        self.scale = scale

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "bicubic")
        return imresize(degraded, self.scale)


class Identity(nn.Module):
    """Returns its input: for scoring degraded images as they are. Calling it raises ImageError unless (N, 3, h, w)."""

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "identity")
        return degraded.clone()
