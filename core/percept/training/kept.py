"""Decoded training images in files, for all processes, runs and sittings."""

from __future__ import annotations

import functools
import json
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from percept.errors import PerceptError
from percept.training.items import Decoded, Item

# Part of the folder's name: raise it where what is kept changes.
FORMAT = 1
# Files mapped at a time: systems allow a process some 65,000, and a training set may have more images.
MAPPED = 8192


class InFiles:
    """Keeps items as files in `folder`, which are mapped into memory when they are looked at.

    Whoever finds the file of an item uses it; one that cannot be read is made anew. The memory is the system's cache of
    files, which all processes share and which it takes back where it needs it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, index: int, make: Callable[[], Decoded]) -> Item:
        """The item of that number. Raises PerceptError if its file cannot be written, and what `make` raises."""
        path = self.folder / f"{index:06}.safetensors"
        item = _read(path)
        if item is None:
            _write(path, make())
            _mapped.cache_clear()  # of what was there before
            item = _read(path)
        if item is None:
            raise _unreadable(path)
        return Mapped(str(path), item.name, item.labels)


@dataclass(frozen=True)
class Mapped:
    """An item in a file."""

    path: str
    name: str
    labels: Sequence[str]

    @property
    def targets(self) -> Sequence[Tensor]:
        """Its ground truths. Raises PerceptError if the file has gone since."""
        return _mapped(self.path).targets

    @property
    def degraded(self) -> Tensor | None:
        """Its input, if it has one. Raises PerceptError as above."""
        return _mapped(self.path).degraded


@functools.lru_cache(MAPPED)
def _mapped(path: str) -> Decoded:
    item = _read(Path(path))
    if item is None:
        raise _unreadable(Path(path))
    return item


def _unreadable(path: Path) -> PerceptError:
    return PerceptError(f"{path}: cannot be read any more; start again, and leave the folder alone while it is in use")


def _write(path: Path, item: Decoded) -> None:
    tensors = {f"target-{number}": image for number, image in enumerate(item.targets)}
    if item.degraded is not None:
        tensors["degraded"] = item.degraded
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, {"item": json.dumps([item.name, item.labels])})
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            temporary.unlink()
        advice = "free some space or set runtime.images: memory"
        raise PerceptError(f"{path}: cannot be written ({error}); {advice}") from error


def _read(path: Path) -> Decoded | None:
    try:
        with safe_open(path, framework="pt") as file:
            name, labels = json.loads(file.metadata()["item"])
            degraded = file.get_tensor("degraded") if "degraded" in file.keys() else None  # noqa: SIM118  # no mapping
            targets = [file.get_tensor(f"target-{number}") for number in range(len(labels))]
            return Decoded(name, targets, labels, degraded)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
