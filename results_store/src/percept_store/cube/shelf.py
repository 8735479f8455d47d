"""Where the versions of a cube stand: `cubes/v<N>.zarr`, an index beside each, and a pointer to the one that counts."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

FOLDER = "cubes"
POINTER = "cube.zarr"

_VERSION = re.compile(r"v(\d+)\.(zarr|index)")


class Shelf(Protocol):
    """Keeps the version that counts and the one before it. Only the holder of the lock publishes."""

    @property
    def root(self) -> Path | str:
        """The store's path or URL."""

    @property
    def can_copy(self) -> bool:
        """Whether a private copy of a version is cheap."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the right to publish, waiting for it."""

    def current(self) -> int | None:
        """The version that counts, None if there is none that can be opened."""

    def path(self, version: int) -> Path | str:
        """Where a version is."""

    def read_index(self, version: int, length: int | None = None) -> bytes | None:
        """What was published beside a version, or the first `length` bytes of it; None if it is not there."""

    def draft(self, copy_of: int | None = None) -> AbstractContextManager[Path]:
        """A private local folder: one yet to be made, or a copy of a version; it is gone afterwards."""

    def publish(self, draft: Path, index: bytes) -> int:
        """Make a draft the version that counts, and drop versions older than the one before it. Returns its number."""


def version_of(name: str) -> int | None:
    """The version that the file or folder of that name belongs to, if any."""
    match = _VERSION.fullmatch(name)
    return int(match[1]) if match else None
