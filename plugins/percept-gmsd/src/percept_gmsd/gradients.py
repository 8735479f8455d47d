"""Gradient magnitudes of luminance, their similarity, and the halving that goes before or between them."""

from __future__ import annotations

from collections.abc import Sequence

from percept.primitives import mix
from torch import Tensor
from torch.nn import functional

C = 170.0  # in squared grey levels a pixel
TINY = 1e-12  # squared grey levels a pixel, added below the root of the gradient magnitude


def luminance(images: Tensor, weights: Sequence[float], *, to_levels: bool = False) -> Tensor:
    """(N, 3, H, W) in [0, 1] and three weights → (N, 1, H, W) grey levels, 0 to 255.

    `to_levels` rounds them; the gradient passes through unchanged.
    """
    levels = mix(images, [[255 * weight for weight in weights]])
    return levels + (levels.round() - levels).detach() if to_levels else levels


def halve(planes: Tensor) -> Tensor:
    """(N, 1, H, W) → (N, 1, ⌈H/2⌉, ⌈W/2⌉): a quarter of the sum over 2×2 pixels, zeros beyond an odd border.

    MATLAB's conv2(x, ones(2)/4, 'same') at every other pixel. Sums of views are several times faster than pooling.
    """
    count, channels, height, width = planes.shape
    if height % 2 or width % 2:
        planes = functional.pad(planes, (0, width % 2, 0, height % 2))
    upper, lower = planes.view(count, channels, -1, 2, width + width % 2).unbind(3)
    left, right = (upper + lower).view(count, channels, upper.shape[2], -1, 2).unbind(4)
    return (left + right).mul_(0.25)


def magnitude(gray: Tensor) -> Tensor:
    """(N, 1, H, W) grey levels → 3|∇|, of the same shape: Prewitt's filters without their third, zeros beyond borders.

    A shift of the square keeps the root's slope finite in flat regions, where |∇| is 1e-6 grey levels a pixel.
    """
    padded = functional.pad(gray, (1, 1, 1, 1))
    across = _difference(_sum_of_three(padded, -2), -1)
    down = _difference(_sum_of_three(padded, -1), -2)
    return across.square().addcmul_(down, down).add_(9 * TINY).sqrt()


def dissimilarity(first: Tensor, second: Tensor, masking: float = 0.0) -> Tensor:
    """Two maps 3|∇|, shapes that broadcast → 1 - similarity of each pixel, in [0, 1).

    The similarity is ((2 - α)ab + C) / (a² + b² - αab + C) with α the `masking`. 1 less it is a fraction above which
    (a - b)² stands: nothing is lost where images are alike.
    """
    squared = (first - second).square()
    return squared / (squared + 9 * C).addcmul_(first, second, value=2 - masking)


def variance(values: Tensor, correction: int) -> Tensor:
    """(N, 1, h, w) → (N,): over n - `correction`, n = h·w."""
    if values.requires_grad:
        return values.var((1, 2, 3), correction=correction)
    # torch's own goes from value to value; two passes take a third of its time, where no gradient need follow them.
    squares = (values - values.mean((1, 2, 3), keepdim=True)).square_().sum((1, 2, 3))
    return squares / (values[0].numel() - correction)


def _sum_of_three(values: Tensor, dim: int) -> Tensor:
    size = values.shape[dim] - 2
    return (values.narrow(dim, 0, size) + values.narrow(dim, 1, size)).add_(values.narrow(dim, 2, size))


def _difference(values: Tensor, dim: int) -> Tensor:
    size = values.shape[dim] - 2
    return values.narrow(dim, 2, size) - values.narrow(dim, 0, size)
