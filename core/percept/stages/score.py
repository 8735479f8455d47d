"""A score with its status, and how images are brought before whoever gives it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

# The flags of the cube's `status`.
NOT_RUN, OK, FAILED, NOT_APPLICABLE = 0, 1, 2, 3


@dataclass(frozen=True)
class Options:
    """How images are brought before an assessor: part of the identity of every score."""

    crop_border: int = 0
    eight_bit: bool = False

    def apply(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) clamped to [0, 1], rounded to 8-bit levels and with its border cut, as asked; always a copy."""
        image = image.clamp(0, 1)
        if self.eight_bit:
            image = (image * 255).round() / 255
        border = self.crop_border
        return image[..., border:-border, border:-border] if border else image

    def text(self) -> list[str]:
        """The options that are not the default, for labels."""
        crop = [f"crop-border={self.crop_border}"] if self.crop_border else []
        return crop + (["8-bit"] if self.eight_bit else [])


@dataclass(frozen=True)
class Score:
    """A value with its status; `reason` says why there is none."""

    value: float
    status: int = OK
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.status == OK


def no_score(status: int, reason: str) -> Score:
    """What stands in the place of a value."""
    return Score(math.nan, status, reason)
