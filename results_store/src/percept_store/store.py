"""A store: the ledger, the artefacts, and the cube that is built from the ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from percept_store.artefacts import Artefacts
from percept_store.errors import StoreError
from percept_store.ledger import Ledger
from percept_store.ledger.backend import open_backend

if TYPE_CHECKING:
    import xarray as xr

    from percept_store.cube.refresh import Refresher


class Store:
    """What is below a folder, or an fsspec URL such as `s3://bucket/prefix`. Nothing is created until the first write.

    Any number of processes may use one store at once; on systems without fcntl (Windows) one at a time may refresh.
    """

    def __init__(self, root: str | Path) -> None:
        self._backend = open_backend(root)
        self.root: Path | str = self._backend.root
        self.ledger = Ledger(self._backend)
        self.artefacts = Artefacts(self._backend)
        self._refresher: Refresher | None = None

    def refresh(self, rebuild: bool = False) -> Path | str:
        """Bring the cube up to date with the ledger and return where it is; `rebuild` builds all of it anew.

        One process at a time refreshes, others wait. Whoever has the version before open keeps on reading it.
        Raises StoreError if the store holds no runs, or cannot be written.
        """
        if self._refresher is None:
            from percept_store.cube.refresh import Refresher
            from percept_store.cube.shelves import open_shelf

            self._refresher = Refresher(self.ledger, open_shelf(self._backend))
        return self._refresher.refresh(rebuild)


def open_cube(store: str | Path | Store) -> xr.Dataset:
    """The cube of a store as a lazily loaded xarray.Dataset (run, assessor, image), with the accessor `.percept`.

    It is the version that counts now, and stays that version. If there is none yet, it is built; `Store.refresh`
    updates it. Raises StoreError if the store holds no runs.
    """
    import xarray as xr

    import percept_store.accessor  # noqa: F401  # registers the accessor
    from percept_store.cube.layout import SCHEMA
    from percept_store.cube.shelves import open_shelf

    store = store if isinstance(store, Store) else Store(store)
    shelf = open_shelf(store._backend)
    for _ in range(3):
        version = shelf.current()
        path = store.refresh() if version is None else shelf.path(version)
        try:
            cube = xr.open_dataset(str(path), engine="zarr", chunks=None, consolidated=True)
        except FileNotFoundError:
            continue
        if cube.attrs.get("percept_schema") == SCHEMA:
            return cube
        store.refresh(rebuild=True)
    raise StoreError(f"{store.root}: the cube is replaced faster than it can be opened; try again")


def store_of(cube: xr.Dataset) -> Store | None:
    """The store that a cube, or a part of one, was opened from; None for one that was exported, or made anew."""
    from percept_store.cube.shelf import FOLDER, POINTER, version_of

    folder, _, name = str(cube.encoding.get("source", "")).replace(os.sep, "/").rpartition("/")
    if version_of(name) is not None and folder.endswith(f"/{FOLDER}"):
        return Store(folder.removesuffix(f"/{FOLDER}"))
    return Store(folder) if name == POINTER else None
