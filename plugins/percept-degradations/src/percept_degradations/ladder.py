"""Five kinds of distortion, each in five levels of known order: what an assessor must at least put in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from percept.contracts import Degradation, check_images
from percept.errors import ComponentError
from torch import Tensor

from percept_degradations.degrade import GaussianNoise, Jpeg
from percept_degradations.same_size import Contrast, Downscaling, GaussianBlur

Distortion = Literal["noise", "blur", "jpeg", "downscaling", "contrast"]

# From just visible to severe. A level means the same only within a distortion.
NOISE = (5.0, 10.0, 18.0, 32.0, 56.0)  # sigma, grey levels of 255
BLUR = (0.7, 1.2, 2.0, 3.2, 5.0)  # sigma, pixels
QUALITY = (50, 25, 15, 9, 5)  # of JPEG
FACTOR = (1.5, 2.0, 3.0, 4.5, 7.0)
GAIN = (0.85, 0.7, 0.55, 0.4, 0.25)  # of contrast

LADDERS: dict[str, Sequence[Callable[[], Degradation]]] = {
    "noise": [lambda s=s: GaussianNoise(s, clip=True) for s in NOISE],  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    "blur": [lambda s=s: GaussianBlur(s) for s in BLUR],  # type: ignore[misc]  # as above
    "jpeg": [lambda q=q: Jpeg(q) for q in QUALITY],  # type: ignore[misc]  # as above
    "downscaling": [lambda f=f: Downscaling(f) for f in FACTOR],  # type: ignore[misc]  # as above
    "contrast": [lambda g=g: Contrast(g) for g in GAIN],  # type: ignore[misc]  # as above
}


class Ladder:
    """One rung: `distortion` at `level` 1 (just visible) to 5 (severe); the same shape, clamped to [0, 1].

    Raises ComponentError for another distortion or level; calling it raises ImageError for anything but (N, 3, H, W).
    """

    scale = 1

    def __init__(self, distortion: Distortion = "noise", level: int = 1) -> None:
        if distortion not in LADDERS:
            raise ComponentError(f"ladder: no distortion {distortion!r}; it has {', '.join(LADDERS)}")
        rungs = LADDERS[distortion]
        if not 1 <= level <= len(rungs):
            raise ComponentError(f"ladder: level {level} is not from 1 to {len(rungs)}")
        self._degradation = rungs[level - 1]()

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        check_images(target, "ladder")
        return self._degradation(target, rng)
