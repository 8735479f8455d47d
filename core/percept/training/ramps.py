"""Weights of an objective's terms that change as training goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Ramp:
    """From `start` to `end` over `steps` steps that begin at step `begins`; constant before and after.

    shape   `linear`, or `cosine`: slow at both ends
    """

    start: float
    end: float
    steps: int = 1
    begins: int = 0
    shape: Literal["linear", "cosine"] = "linear"

    def at(self, step: int) -> float:
        """The weight at a step, counted from 0."""
        done = min(1.0, max(0.0, (step - self.begins) / self.steps))
        if self.shape == "cosine":
            done = (1 - math.cos(math.pi * done)) / 2
        return self.start + (self.end - self.start) * done


def ramp_of(weight: float | Mapping[str, Any]) -> Ramp:
    """The ramp of a resolved recipe's `weight`: a number, or a map with from, to, over, starts-at, shape."""
    if not isinstance(weight, Mapping):
        return Ramp(weight, weight)
    return Ramp(weight["from"], weight["to"], weight["over"], weight["starts-at"], weight["shape"])
