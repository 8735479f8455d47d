"""Total variation: Rudin, Osher, Fatemi, Physica D 60, 1992, and the sums of differences that bear its name."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from percept.primitives import safe_sqrt
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["l1", "isotropic", "l2"]


def total_variation(images: Tensor, norm: Norm = "l1") -> Tensor:
    """(N, C, H, W) → (N,), ≥ 0.

    l1         Σ |↓| + |→| of the differences ↓, → to the next pixel, where there is one
    isotropic  Σ √(↓² + →²), the paper's; beyond the border differences are 0
    l2         √Σ(↓² + →²)
    """
    down: Tensor
    right: Tensor
    down, right = _Differences.apply(images)
    if norm == "l1":
        return down.abs_().sum(dim=(1, 2, 3)) + right.abs_().sum(dim=(1, 2, 3))
    if norm == "l2":
        return safe_sqrt(down.square().sum(dim=(1, 2, 3)) + right.square().sum(dim=(1, 2, 3)))
    squares = functional.pad(down, (0, 0, 0, 1)).square() + functional.pad(right, (0, 1)).square()
    flat = (squares == 0).to(squares)  # a root of 1 there, instead of 0, has a finite slope
    return ((squares + flat).sqrt() - flat).sum(dim=(1, 2, 3))


class _Differences(torch.autograd.Function):
    """(N, C, H, W) → what is below minus here (N, C, H - 1, W), what is beside minus here (N, C, H, W - 1).

    Its gradient is put together in one tensor, which takes half the time of autograd's four.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> tuple[Tensor, Tensor]:
        ctx.shape = images.shape
        return images[..., 1:, :] - images[..., :-1, :], images[..., 1:] - images[..., :-1]

    @staticmethod
    def backward(ctx: Any, down: Tensor, right: Tensor) -> Tensor:
        gradient = down.new_zeros(ctx.shape)
        gradient[..., 1:, :] = down
        gradient[..., :-1, :] -= down
        gradient[..., 1:] += right
        gradient[..., :-1] -= right
        return gradient


class TotalVariation(nn.Module):
    """Assessor and fidelity loss, lower is smoother in both lives; the loss ignores its target.

    norm  `l1`, the sum of absolute differences; `isotropic`, the paper's sum of gradient lengths; `l2`, the root of the
          sum of squares
    mean  divide by the number of values, so that it does not grow with the image

    Images are (N, 3, H, W) in [0, 1], values (N,). Raises ComponentError for another norm, ImageError for other shapes.
    """

    def __init__(self, norm: Norm = "l1", mean: bool = False) -> None:
        super().__init__()
        if norm not in get_args(Norm):
            raise ComponentError(f"total-variation: norm '{norm}' is none of {', '.join(get_args(Norm))}")
        self.norm: Norm = norm
        self.mean = mean

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "total-variation")
        values = total_variation(images, self.norm)
        return values / images[0].numel() if self.mean else values

    def forward(self, output: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `target` is not looked at."""
        return self.score(output)
