"""Pairs of images that are drawn rather than chosen: every content against every other, at any size.

A pair is named by what it was made of, so that a message of one line is enough to make it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from percept.testing.contents import BEYOND, CONTENTS, SPOILT


@dataclass(frozen=True)
class Pair:
    """One output and its target: what they show, their size in pixels, and the seed of their random numbers.

    output  a name in CONTENTS, or one in SPOILT or BEYOND, made of the target
    target  a name in CONTENTS
    """

    output: str
    target: str
    height: int
    width: int
    seed: int

    def __str__(self) -> str:
        return f"output {self.output}, target {self.target}, {self.width}×{self.height}, seed {self.seed}"

    def images(self) -> tuple[Tensor, Tensor]:
        """(output, target), each (1, 3, height, width) float32."""
        rng = torch.Generator().manual_seed(self.seed)
        target = CONTENTS[self.target](self.height, self.width, rng)
        if self.output in CONTENTS:
            return CONTENTS[self.output](self.height, self.width, rng), target
        return {**SPOILT, **BEYOND}[self.output](target, rng), target


@dataclass(frozen=True)
class Batch:
    """Images of one size, shown together: (output, target) of each as in Pair, and what they share."""

    shown: tuple[tuple[str, str], ...]
    height: int
    width: int
    seed: int

    def __str__(self) -> str:
        shown = ", ".join(f"{output}/{target}" for output, target in self.shown)
        return f"output/target {shown}, {self.width}×{self.height}, seed {self.seed}"

    def images(self) -> tuple[Tensor, Tensor]:
        """(outputs, targets), each (N, 3, height, width) float32."""
        pairs = [Pair(*names, self.height, self.width, self.seed + i).images() for i, names in enumerate(self.shown)]
        outputs, targets = zip(*pairs, strict=True)
        return torch.cat(outputs), torch.cat(targets)
