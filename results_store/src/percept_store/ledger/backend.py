"""What the store asks of the place that holds its files. Names are relative, with forward slashes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Backend(Protocol):
    """A folder or a bucket. Every failure is a StoreError, except that of reading a name that is not there."""

    @property
    def root(self) -> Path | str:
        """Where it is: a path, or an fsspec URL."""

    def names(self, folder: str) -> Iterator[str]:
        """All files below `folder`, in no order; temporary ones are left out. An absent folder is empty."""

    def read(self, name: str) -> bytes:
        """The whole file. Raises FileNotFoundError."""

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`. Raises FileNotFoundError."""

    def create(self, name: str, data: bytes) -> bool:
        """Write all of a new file durably, or nothing; False, whatever its content, if it is there already."""

    def replace(self, name: str, data: bytes) -> None:
        """Write a file in one step, whether it is there or not."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock of that name, waiting for it. Does nothing where the place has no locks."""

    def sweep(self, folder: str, older_than: float) -> int:
        """Remove temporary files that killed writers left below `folder` more than so many seconds ago; how many."""


def ensure(backend: Backend, name: str, data: bytes) -> None:
    """Have a content-addressed file: made if it is absent, replaced if it is not what its name promises."""
    while not backend.create(name, data):
        try:
            if backend.read(name) != data:
                backend.replace(name, data)
        except FileNotFoundError:
            continue
        return


def open_backend(where: str | Path) -> Backend:
    """A local folder, or an fsspec URL such as `s3://bucket/prefix` or `memory://name`."""
    if isinstance(where, str) and "://" in where and not where.startswith("file://"):
        from percept_store.ledger.remote import RemoteBackend

        return RemoteBackend(where)
    from percept_store.ledger.local import LocalBackend

    return LocalBackend(Path(str(where).removeprefix("file://")))
