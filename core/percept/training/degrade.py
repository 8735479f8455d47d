"""A chain of degradations, applied in the recipe's order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from percept.contracts import Degradation, Sample
from percept.errors import DataError
from percept.training.runtime import seed_of


class Chain:
    """Several degradations as one: target (N, 3, H, W) → degraded (N, 3, H/scale, W/scale). May be empty."""

    def __init__(self, links: Sequence[Degradation], stochastic: bool) -> None:
        self.links = tuple(links)
        self.stochastic = stochastic
        self.scale = math.prod(link.scale for link in self.links)

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        for link in self.links:
            target = link(target, rng)
        return target

    def crop(self, image: Tensor) -> Tensor:
        """(…, H, W) cut at the right and bottom to multiples of the scale, as the field does."""
        height, width = (size - size % self.scale for size in image.shape[-2:])
        return image[..., :height, :width]

    def own(self, sample: Sample) -> Tensor | None:
        """The sample's own input, or None. Raises DataError where there are links, which would make another."""
        if sample.degraded is not None and self.links:
            raise DataError(
                f"{sample.id}: has an input of its own, which data.degrade would replace; say degrade: none"
            )
        return sample.degraded

    def pair(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """(degraded, target), each (1, 3, ·, ·), as `assess` sees a sample: its own input, or one made of its target.

        One seed an image, the same for every run: all runs are judged on the same noise.
        """
        target = self.crop(sample.target)[None]
        own = self.own(sample)
        if own is not None:
            return own[None], target
        return self(target, torch.Generator().manual_seed(seed_of(0, sample.id))), target
