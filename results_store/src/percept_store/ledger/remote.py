"""The store in a bucket, through fsspec: a PUT appears whole or not at all, and may demand that nothing is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from percept_store.errors import StoreError, explained


class RemoteBackend:
    """A bucket and prefix. Needs no locks: whatever two writers do at once, each name has one possible content."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._fs, self._prefix = _connect(self._url)

    @property
    def root(self) -> str:
        return self._url

    def names(self, folder: str) -> Iterator[str]:
        with explained(f"{self._url}/{folder}"):
            self._fs.invalidate_cache()
            found = self._fs.find(self._path(folder))
        skip = len(self._prefix) + 1
        yield from (path.lstrip("/")[skip:] for path in found)

    def read(self, name: str) -> bytes:
        with _reading(f"{self._url}/{name}"):
            return bytes(self._fs.cat_file(self._path(name)))

    def read_range(self, name: str, start: int, length: int) -> bytes:
        with _reading(f"{self._url}/{name}"):
            return bytes(self._fs.cat_file(self._path(name), start=start, end=start + length))

    def create(self, name: str, data: bytes) -> bool:
        path = self._path(name)
        with explained(f"{self._url}/{name}"):
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            try:
                self._fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
        return True

    def replace(self, name: str, data: bytes) -> None:
        with explained(f"{self._url}/{name}"):
            self._fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(self._path(name), data)

    def remove(self, name: str) -> None:
        with explained(f"{self._url}/{name}"):
            try:
                self._fs.rm_file(self._path(name))
            except FileNotFoundError:
                return

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:  # noqa: ARG002  # the interface names the lock
        yield

    def sweep(self, folder: str, older_than: float) -> int:  # noqa: ARG002  # a PUT leaves no temporary files
        return 0

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}"


def _connect(url: str) -> tuple[Any, str]:
    import fsspec.core

    try:
        fs, prefix = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise StoreError(f"{url}: {error}") from None
    except ValueError as error:
        raise StoreError(f"{url}: not a store that fsspec can open ({error}); check the protocol before ://") from None
    return fs, prefix.strip("/")


@contextmanager
def _reading(where: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        with explained(where):
            raise error
