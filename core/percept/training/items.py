"""Training images ready to be cut: decoded once, as bytes where they have 8-bit levels."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from percept.contracts import Dataset, Sample
from percept.training.degrade import Chain
from percept.training.ground_truths import POSITIVE


class Item(Protocol):
    """One image: its ground truths (3, H, W), the original first, and its input if there is one for all its uses.

    `labels` has one word for each ground truth: positive, similar or negative.
    """

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def targets(self) -> Sequence[Tensor]: ...

    @property
    def degraded(self) -> Tensor | None: ...


@dataclass(frozen=True)
class Decoded:
    """An item in memory."""

    name: str
    targets: list[Tensor]
    labels: list[str]
    degraded: Tensor | None


Keep = Callable[[int, Callable[[], Decoded]], Item]


def in_memory(_index: int, make: Callable[[], Decoded]) -> Item:
    """Keep an item in this process's memory."""
    return make()


def items_of(dataset: Dataset, degrade: Chain, every_target: bool, keep: Keep = in_memory) -> list[Item]:
    """All images of a dataset; a deterministic degradation is applied to them once, whole, as published sets are made.

    `every_target` says whether further ground truths are wanted.
    """
    order = list(range(len(dataset)))
    if keep is not in_memory:  # processes that keep them together begin at different ones: each decodes its share
        random.Random(os.getpid()).shuffle(order)

    def make(index: int) -> Decoded:
        return _item(dataset[index], degrade, every_target)

    found = {index: keep(index, partial(make, index)) for index in order}
    return [found[index] for index in range(len(dataset))]


def _item(sample: Sample, degrade: Chain, every_target: bool) -> Decoded:
    targets = [degrade.crop(image) for image in (sample.target, *(sample.targets if every_target else ()))]
    labels = [POSITIVE, *(sample.labels or (POSITIVE,) * len(sample.targets))][: len(targets)]
    return Decoded(sample.id, [_compact(image) for image in targets], labels, _input(sample, targets[0], degrade))


def _input(sample: Sample, target: Tensor, degrade: Chain) -> Tensor | None:
    own = degrade.own(sample)
    if own is not None:
        return _compact(own)
    return None if degrade.stochastic else _compact(degrade(target[None])[0])


def _compact(image: Tensor) -> Tensor:
    levels = (image * 255).round()
    if torch.equal(levels / 255, image):
        return levels.to(torch.uint8).contiguous()
    return image.contiguous()


def as_float(image: Tensor) -> Tensor:
    """An image in [0, 1], whichever way it is kept."""
    return image.float() / 255 if image.dtype == torch.uint8 else image


def sizes_of(images: Sequence[Tensor | None]) -> str:
    """Width×height of each, for a message."""
    return " and ".join(f"{image.shape[-1]}×{image.shape[-2]}" for image in images if image is not None)
