"""Regularisers of a discriminator: penalties on the gradient of its logits with respect to images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Draw = Callable[[int], Tensor]  # so many numbers from [0, 1)


@dataclass(frozen=True)
class Penalty:
    """`of(discriminator, real, fake, draw)` → scalar, added with `weight` at each `every`-th of its steps.

    A penalty that comes at every k-th step only counts k-fold there (Karras et al. 2020, arXiv:1912.04958, §3.1).
    """

    name: str
    of: Callable[[nn.Module, Tensor, Tensor, Draw], Tensor]
    weight: float
    every: int = 1

    def due(self, step: int) -> bool:
        """Whether it counts in this step of the discriminator, numbered from 0."""
        return step % self.every == 0


def gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
    """E[(‖∇D(x̂)‖₂ − 1)²] at random points x̂ between real and fake (N, 3, H, W); arXiv:1704.00028, eq. 3.

    A map of logits counts by its mean, so that the penalty does not grow with the number of patches.
    """
    mix = draw(real.shape[0]).view(-1, 1, 1, 1).to(real)
    # The norm's own gradient is infinite at zero, which a discriminator that ignores its input reaches.
    norm = (_squared_gradient(discriminator, torch.lerp(real, fake, mix)) + 1e-12).sqrt()
    return (norm - 1).square().mean()


def r1(discriminator: nn.Module, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:  # noqa: ARG001  # all penalties have these
    """½ E[‖∇D(x)‖²] at real images x (N, 3, H, W); Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, eq. 9.

    A map of logits counts by its mean, as in `gradient_penalty`.
    """
    return _squared_gradient(discriminator, real).mean() / 2


PENALTIES = {"gradient-penalty": gradient_penalty, "r1": r1}


def _squared_gradient(discriminator: nn.Module, images: Tensor) -> Tensor:
    """(N, 3, H, W) → (N,): ‖∇D‖² of each image's mean logit; differentiable once more."""
    images = images.detach().requires_grad_(True)
    logits = discriminator(images).flatten(1).mean(1)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.flatten(1).square().sum(1)
