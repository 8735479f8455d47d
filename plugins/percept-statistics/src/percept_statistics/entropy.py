"""Entropy of an image's gray levels: Shannon, Bell System Technical Journal 27(3), 1948."""

from __future__ import annotations

from math import log

import torch
from percept.contracts import check_images
from percept.primitives import GRAY, mix
from torch import Tensor, nn

LEVELS = 256


def entropy(gray: Tensor) -> Tensor:
    """Gray levels (N, …), whole numbers 0 … 255 → (N,) float64, bits a pixel, as MATLAB's entropy."""
    own_bins = gray.flatten(1).to(torch.int64) + LEVELS * torch.arange(len(gray), device=gray.device)[:, None]
    counts = own_bins.flatten().bincount(minlength=LEVELS * len(gray)).view(-1, LEVELS).double()
    shares = counts / counts.sum(dim=1, keepdim=True)
    nats: Tensor = torch.special.entr(shares).sum(dim=1)
    return nats / log(2)


class Entropy(nn.Module):
    """Entropy of 256 gray levels: (N, 3, H, W) in [0, 1] → (N,), 0 … 8 bits; what is out of range counts as its bound.

    An assessor only: counts have no gradients. Not a measure of quality by itself, as noise raises it.
    Raises ImageError for other shapes.
    """

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    @torch.no_grad()
    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "entropy")
        levels = (images.clamp(0, 1) * 255).round().double()
        return entropy(mix(levels, [GRAY]).round()).to(images.dtype)
