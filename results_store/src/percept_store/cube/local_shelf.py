"""Versions in a folder. `cube.zarr` is a symbolic link that is swapped by rename, so that it always opens."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from percept_store.cube.arrays import hard_copy
from percept_store.cube.shelf import FOLDER, POINTER, version_of
from percept_store.errors import StoreError, explained
from percept_store.ledger.backend import Backend
from percept_store.ledger.local import TEMPORARY

_DRAFT = ".draft-"


class LocalShelf:
    """The shelf of a store in a local folder."""

    can_copy = True

    def __init__(self, root: Path, backend: Backend) -> None:
        self._root = root
        self._backend = backend
        self._folder = root / FOLDER
        self._pointer = root / POINTER

    @property
    def root(self) -> Path:
        return self._root

    @contextmanager
    def locked(self) -> Iterator[None]:
        if not self._root.is_dir():
            raise StoreError(f"{self._root}: no such store; run a recipe into it first, or name another")
        with self._backend.locked(f"{FOLDER}/refresh.lock"), explained(self._folder):
            for pattern in (f"{_DRAFT}*", f".*{TEMPORARY}"):
                for left in self._folder.glob(pattern):
                    _remove(left)
            yield

    def current(self) -> int | None:
        try:
            version = version_of(self._pointer.readlink().name)
        except FileNotFoundError:
            return None
        except OSError:
            raise StoreError(
                f"{self._pointer}: is not percept's link to a cube; move it away and refresh again"
            ) from None
        return version if version is not None and (self.path(version) / ".zmetadata").is_file() else None

    def path(self, version: int) -> Path:
        return self._folder / f"v{version}.zarr"

    def read_index(self, version: int, length: int | None = None) -> bytes | None:
        try:
            with self._index(version).open("rb") as file:
                return file.read(length)
        except FileNotFoundError:
            return None

    @contextmanager
    def draft(self, copy_of: int | None = None) -> Iterator[Path]:
        draft = self._folder / f"{_DRAFT}{secrets.token_hex(8)}"
        try:
            if copy_of is not None:
                hard_copy(self.path(copy_of), draft)
            yield draft
        finally:
            _remove(draft)

    def publish(self, draft: Path, index: bytes) -> int:
        before = self.current()
        version = max(self._versions(), default=0) + 1
        self._backend.replace(f"{FOLDER}/v{version}.index", index)
        draft.rename(self.path(version))
        link = self._folder / f"{_DRAFT}link-{secrets.token_hex(8)}"
        link.symlink_to(Path(FOLDER) / f"v{version}.zarr", target_is_directory=True)
        link.replace(self._pointer)
        for old in self._versions() - {version, before}:
            _remove(self.path(old))
            _remove(self._index(old))
        return version

    def _index(self, version: int) -> Path:
        return self._folder / f"v{version}.index"

    def _versions(self) -> set[int]:
        numbers = (version_of(path.name) for path in self._folder.iterdir())
        return {number for number in numbers if number is not None}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
