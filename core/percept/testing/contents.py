"""What drawn images show: names, and how to make an image of that name at any size from random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from percept.testing import images

Content = Callable[[int, int, torch.Generator], Tensor]  # height, width, random numbers → (1, 3, height, width)
Spoilt = Callable[[Tensor, torch.Generator], Tensor]  # a target, random numbers → an output

TINY = 1e-6


def _natural(height: int, width: int, rng: torch.Generator) -> Tensor:
    return images.natural(1, height, width, seed=int(torch.randint(2**31, (), generator=rng)))


def _flat(height: int, width: int, rng: torch.Generator) -> Tensor:
    return torch.rand(1, 1, 1, 1, generator=rng).repeat(1, 3, height, width)


def _colour(height: int, width: int, rng: torch.Generator) -> Tensor:
    return torch.rand(1, 3, 1, 1, generator=rng).repeat(1, 1, height, width)


def _noise(height: int, width: int, rng: torch.Generator) -> Tensor:
    return torch.rand(1, 3, height, width, generator=rng)


def _ramp(height: int, width: int, rng: torch.Generator) -> Tensor:
    slopes = torch.rand(2, 3, 1, 1, generator=rng)
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    return ((slopes[0] * rows + slopes[1] * columns) / 2)[None]


def _checkerboard(height: int, width: int, rng: torch.Generator) -> Tensor:
    size = int(torch.randint(1, 9, (), generator=rng))
    rows, columns = torch.arange(height)[:, None] // size, torch.arange(width)[None] // size
    return ((rows + columns) % 2).float().repeat(1, 3, 1, 1)


def _half_flat(height: int, width: int, rng: torch.Generator) -> Tensor:
    both = _natural(height, width, rng)
    both[..., : width // 2] = torch.rand((), generator=rng)
    return both


def _dot(height: int, width: int, rng: torch.Generator) -> Tensor:
    black = torch.zeros(1, 3, height, width)
    black[..., torch.randint(height, (), generator=rng), torch.randint(width, (), generator=rng)] = 1
    return black


CONTENTS: Mapping[str, Content] = {
    "natural": _natural,
    "flat": _flat,
    "black": lambda height, width, _: images.flat(0, 1, height, width),
    "white": lambda height, width, _: images.flat(1, 1, height, width),
    "saturated": lambda *size: (_natural(*size) > 0.5).float(),
    "noise": _noise,
    "ramp": _ramp,
    "one-colour": _colour,
    "checkerboard": _checkerboard,
    "half-flat": _half_flat,
    "faint": lambda *size: 0.5 + 1e-3 * (_natural(*size) - 0.5),
    "dot": _dot,
}

SPOILT: Mapping[str, Spoilt] = {
    "equal": lambda target, _: target.clone(),
    "one-pixel-off": lambda target, _: images.one_pixel_changed(target),
    "tiny-difference": lambda target, rng: (target + TINY * torch.randn(target.shape, generator=rng)).clamp(0, 1),
    "noisy": lambda target, rng: (target + 0.1 * torch.randn(target.shape, generator=rng)).clamp(0, 1),
}

# What only a loss is shown: a generator's output may leave [0, 1].
BEYOND: Mapping[str, Spoilt] = {
    "out-of-range": lambda target, rng: target + 0.5 * torch.randn(target.shape, generator=rng),
    "far-out": lambda target, rng: 3 * torch.rand(target.shape, generator=rng) - 1,
}
