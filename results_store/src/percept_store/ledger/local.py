"""The store in a folder: files appear whole by hard link or rename, never by growing in place."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from percept_store.errors import explained

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
# Windows would otherwise take what it reads for text.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
TEMPORARY = ".tmp"


class LocalBackend:
    """A folder on one machine, or on a network file system with atomic rename.

    Where there is no fcntl, as on Windows, there are no locks: records and artefacts are as safe as elsewhere, but of
    two processes that refresh the cube at once one may spoil the other's draft. There, let one at a time refresh.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        return self._root

    def names(self, folder: str) -> Iterator[str]:
        with explained(self._root / folder):
            yield from _walk(str(self._root / folder), folder)

    def read(self, name: str) -> bytes:
        with _reading(self._root / name) as descriptor:
            return _read_all(descriptor, 0, os.fstat(descriptor).st_size)

    def read_range(self, name: str, start: int, length: int) -> bytes:
        with _reading(self._root / name) as descriptor:
            return _read_all(descriptor, start, length)

    def create(self, name: str, data: bytes) -> bool:
        path = self._root / name
        with explained(path):
            if path.exists():
                _sync_folder(path.parent)
                return False
            with _temporary_beside(path, data) as temporary:
                created = _link(temporary, path)
            _sync_folder(path.parent)
        return created

    def replace(self, name: str, data: bytes) -> None:
        path = self._root / name
        with explained(path):
            with _temporary_beside(path, data) as temporary:
                temporary.replace(path)
            _sync_folder(path.parent)

    def remove(self, name: str) -> None:
        path = self._root / name
        with explained(path):
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        path = self._root / name
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            _lock(descriptor)
        try:
            yield
        finally:
            os.close(descriptor)

    def sweep(self, folder: str, older_than: float) -> int:
        limit = time.time() - older_than
        removed = 0
        for path in (self._root / folder).rglob(f".*{TEMPORARY}"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
        return removed


def _lock(descriptor: int) -> None:
    """Wait for an exclusive lock. Without fcntl nobody waits; see LocalBackend for what that costs."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _walk(folder: str, prefix: str) -> Iterator[str]:
    try:
        found = os.listdir(folder)  # noqa: PTH208  # twice as fast as iterdir, and a refresh lists 10^4 names
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in found:
        if name[0] == ".":
            continue
        if "." in name:
            yield f"{prefix}/{name}"
        else:
            yield from _walk(f"{folder}/{name}", f"{prefix}/{name}")


@contextmanager
def _reading(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        raise
    except OSError as error:
        with explained(path):
            raise error
    try:
        with explained(path):
            yield descriptor
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, start: int, length: int) -> bytes:
    parts = []
    os.lseek(descriptor, start, os.SEEK_SET)
    while length > 0 and (part := os.read(descriptor, length)):
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def _temporary_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A synced file with `data` in the folder of `path`, hence on the same file system; gone afterwards."""
    _make_folder(path.parent)
    temporary = path.parent / f".{secrets.token_hex(8)}{TEMPORARY}"
    try:
        with temporary.open("xb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _link(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        temporary.replace(path)
    return True


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows, which opens no folders, does so in its own time."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
