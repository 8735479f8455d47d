"""Losses that compare pixel by pixel, means over pixels and channels; all images are (N, 3, H, W), losses (N,)."""

from __future__ import annotations

from percept.contracts import check_pair
from percept.errors import ComponentError
from torch import Tensor, nn


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
        return (output - target).abs().mean((1, 2, 3))


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
        return (output - target).square().mean((1, 2, 3))


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
