"""Training images ready to be cut: decoded once, as bytes where they have 8-bit levels, in memory or mapped files."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from percept.contracts import Dataset, Sample
from percept.errors import PerceptError
from percept.training.degrade import Chain
from percept.training.ground_truths import POSITIVE


@dataclass
class Item:
    """One image: its ground truths (3, H, W), the original first, and its input if there is one for all its uses.

    `labels` has one word for each ground truth: positive, similar or negative.
    """

    name: str
    targets: list[Tensor]
    labels: list[str]
    degraded: Tensor | None


Keep = Callable[[int, Callable[[], Item]], Item]


def in_memory(_index: int, make: Callable[[], Item]) -> Item:
    """Keep an item in this process's memory."""
    return make()


class InFiles:
    """Keeps items as files in `folder`, mapped into memory: decoded once for all processes, runs and sittings.

    Whoever finds the file of an item uses it; one that cannot be read is made anew. Memory that holds them is the
    system's cache of files, which it takes back where it needs it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, index: int, make: Callable[[], Item]) -> Item:
        """The item of that number. Raises PerceptError if its file cannot be written, and what `make` raises."""
        path = self.folder / f"{index:06}.safetensors"
        item = _read(path)
        if item is None:
            _write(path, make())
            item = _read(path)
        if item is None:
            raise PerceptError(f"{path}: cannot be read back after it was written; check the disk")
        return item


def items_of(dataset: Dataset, degrade: Chain, every_target: bool, keep: Keep = in_memory) -> list[Item]:
    """All images of a dataset; a deterministic degradation is applied to them once, whole, as published sets are made.

    `every_target` says whether further ground truths are wanted.
    """

    def make(index: int) -> Item:
        return _item(dataset[index], degrade, every_target)

    found = {index: keep(index, partial(make, index)) for index in _order(len(dataset), keep)}
    return [found[index] for index in range(len(dataset))]


def _order(count: int, keep: Keep) -> Iterator[int]:
    """Processes that fill one folder together begin at different images, so that each decodes its share."""
    order = list(range(count))
    if isinstance(keep, InFiles):
        random.Random(os.getpid()).shuffle(order)
    return iter(order)


def _item(sample: Sample, degrade: Chain, every_target: bool) -> Item:
    targets = [degrade.crop(image) for image in (sample.target, *(sample.targets if every_target else ()))]
    labels = [POSITIVE, *(sample.labels or (POSITIVE,) * len(sample.targets))][: len(targets)]
    return Item(sample.id, [_compact(image) for image in targets], labels, _input(sample, targets[0], degrade))


def _input(sample: Sample, target: Tensor, degrade: Chain) -> Tensor | None:
    if sample.degraded is not None and not degrade.links:
        return _compact(sample.degraded)
    return None if degrade.stochastic else _compact(degrade(target[None])[0])


def _compact(image: Tensor) -> Tensor:
    levels = (image * 255).round()
    if torch.equal(levels / 255, image):
        return levels.to(torch.uint8).contiguous()
    return image.contiguous()


def as_float(image: Tensor) -> Tensor:
    """An image in [0, 1], whichever way it is kept."""
    return image.float() / 255 if image.dtype == torch.uint8 else image


def _write(path: Path, item: Item) -> None:
    tensors = {f"target-{number}": image for number, image in enumerate(item.targets)}
    if item.degraded is not None:
        tensors["degraded"] = item.degraded
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, {"item": json.dumps([item.name, item.labels])})
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            temporary.unlink()
        raise PerceptError(
            f"{path}: cannot be written ({error}); free some space or set runtime.images: memory"
        ) from error


def _read(path: Path) -> Item | None:
    try:
        with safe_open(path, framework="pt") as file:
            name, labels = json.loads(file.metadata()["item"])
            degraded = file.get_tensor("degraded") if "degraded" in file.keys() else None  # noqa: SIM118  # no mapping
            return Item(name, [file.get_tensor(f"target-{number}") for number in range(len(labels))], labels, degraded)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


def sizes_of(images: Sequence[Tensor | None]) -> str:
    """Width×height of each, for a message."""
    return " and ".join(f"{image.shape[-1]}×{image.shape[-2]}" for image in images if image is not None)
