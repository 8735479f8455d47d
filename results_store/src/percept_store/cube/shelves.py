"""The shelf that fits a store: on a local disk, or at a URL."""

from __future__ import annotations

from pathlib import Path

from percept_store.cube.shelf import Shelf
from percept_store.ledger.backend import Backend


def open_shelf(backend: Backend) -> Shelf:
    """The shelf of a store."""
    if isinstance(backend.root, Path):
        from percept_store.cube.local_shelf import LocalShelf

        return LocalShelf(backend.root, backend)
    from percept_store.cube.remote_shelf import RemoteShelf

    return RemoteShelf(backend)
