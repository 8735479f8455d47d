"""Versions in an object store: uploaded file by file under a new number, then named by the object `cubes/current`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from percept_store.cube.shelf import FOLDER, version_of
from percept_store.errors import StoreError
from percept_store.ledger.backend import Backend

_POINTER = f"{FOLDER}/current"


class RemoteShelf:
    """The shelf of a store behind an fsspec URL. There are no links: readers go by `open_cube`."""

    can_copy = False

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def root(self) -> str:
        return str(self._backend.root)

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield

    def current(self) -> int | None:
        try:
            return int(self._backend.read(_POINTER))
        except FileNotFoundError:
            return None
        except ValueError:
            raise StoreError(f"{self.root}/{_POINTER}: does not hold a number; remove it and refresh again") from None

    def path(self, version: int) -> str:
        return f"{self.root}/{FOLDER}/v{version}.zarr"

    def read_index(self, version: int, length: int | None = None) -> bytes | None:
        name = f"{FOLDER}/v{version}.index"
        try:
            return self._backend.read(name) if length is None else self._backend.read_range(name, 0, length)
        except FileNotFoundError:
            return None

    @contextmanager
    def draft(self, copy_of: int | None = None) -> Iterator[Path]:  # noqa: ARG002  # can_copy says that it is not asked for
        with tempfile.TemporaryDirectory(prefix="percept-cube-") as folder:
            yield Path(folder) / "cube"

    def publish(self, draft: Path, index: bytes) -> int:
        before = self.current()
        version = self._claim(index)
        for file in sorted(path for path in draft.rglob("*") if path.is_file()):
            self._backend.replace(f"{FOLDER}/v{version}.zarr/{file.relative_to(draft).as_posix()}", file.read_bytes())
        if version > (self.current() or 0):
            self._backend.replace(_POINTER, str(version).encode())
        self._drop({version, before})
        return version

    def _claim(self, index: bytes) -> int:
        """Take the next number: of two refreshers that want it, one creates the index, the other one counts on."""
        version = max(self._numbers().values(), default=0) + 1
        while not self._backend.create(f"{FOLDER}/v{version}.index", index):
            version += 1
        return version

    def _numbers(self) -> dict[str, int]:
        names = {name: version_of(name.split("/")[1]) for name in self._backend.names(FOLDER) if "/" in name}
        return {name: version for name, version in names.items() if version is not None}

    def _drop(self, kept: set[int | None]) -> None:
        limit = min(version for version in kept if version is not None)
        for name, version in self._numbers().items():
            if version < limit:
                self._backend.remove(name)
