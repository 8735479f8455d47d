"""Losses that compare pixel by pixel, means over pixels and channels; all images are (N, 3, H, W), losses (N,)."""

from __future__ import annotations

from percept.contracts import check_pair
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn import functional


def mean_squared_error(images: Tensor, reference: Tensor) -> Tensor:
    """(N, C, H, W) twice, one of them of N or 1 → (N,): torch's own, whose gradient takes one pass over the images."""
    one, other = _of_one_shape(images, reference)
    return functional.mse_loss(one, other, reduction="none").sum((1, 2, 3)) / images[0].numel()


def mean_absolute_error(images: Tensor, reference: Tensor) -> Tensor:
    """(N, C, H, W) twice, one of them of N or 1 → (N,)."""
    one, other = _of_one_shape(images, reference)
    return functional.l1_loss(one, other, reduction="none").sum((1, 2, 3)) / images[0].numel()


def _of_one_shape(images: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    count = max(len(images), len(reference))
    return images.expand(count, -1, -1, -1), reference.expand(count, -1, -1, -1)


def charbonnier(difference: Tensor, eps: float) -> Tensor:
    """(N, …) → (N,): mean of √(d² + eps²), Charbonnier et al., ICIP 1994, as Lai et al., 2017, use it."""
    return (difference.square() + eps**2).sqrt().flatten(1).mean(1)


class L1(nn.Module):
    """Assessor and fidelity loss: mean absolute error. Raises ImageError if shapes do not agree."""

    def prepare(self, reference: Tensor) -> Tensor:
        """The reference (N, 3, H, W) itself."""
        return reference

    def score(self, images: Tensor, state: Tensor) -> Tensor:
        """Mean absolute error, (N,)."""
        return self(images, state)  # type: ignore[no-any-return]  # torch leaves the result of a call untyped

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """(N, 3, H, W) twice → (N,), ≥ 0; the gradient at equal values is 0."""
        check_pair(output, target, "L1")
        return mean_absolute_error(output, target)


class L2(nn.Module):
    """Assessor and fidelity loss: mean squared error. Raises ImageError if shapes do not agree."""

    def prepare(self, reference: Tensor) -> Tensor:
        """The reference (N, 3, H, W) itself."""
        return reference

    def score(self, images: Tensor, state: Tensor) -> Tensor:
        """Mean squared error, (N,)."""
        return self(images, state)  # type: ignore[no-any-return]  # as above

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """(N, 3, H, W) twice → (N,), ≥ 0."""
        check_pair(output, target, "L2")
        return mean_squared_error(output, target)


class Charbonnier(nn.Module):
    """Fidelity loss: mean of √(d² + eps²), `eps` in the images' own units, [0, 1].

    Raises ComponentError unless `eps` is positive; ImageError if shapes do not agree.
    """

    def __init__(self, eps: float = 1e-3) -> None:
        super().__init__()
        if eps <= 0:
            raise ComponentError(f"charbonnier: eps {eps} is not positive; give one such as 1e-3, or use l1")
        self.eps = eps

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """(N, 3, H, W) twice → (N,), ≥ eps."""
        check_pair(output, target, "Charbonnier")
        return charbonnier(output - target, self.eps)
