"""Percept's results: an append-only ledger of records, and the xarray cube that is built from it.

Importing this is light: numpy, xarray and zarr are loaded when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from percept_store.errors import QueryError as QueryError
    from percept_store.errors import StoreError as StoreError
    from percept_store.exports import export as export
    from percept_store.ledger import Damaged as Damaged
    from percept_store.ledger.record import Record as Record
    from percept_store.queries import query as query
    from percept_store.store import Store as Store
    from percept_store.store import open_cube as open_cube

__version__ = "0.1.0"
__all__ = ["Damaged", "QueryError", "Record", "Store", "StoreError", "export", "open_cube", "query"]

_HOMES = {
    "Damaged": "percept_store.ledger",
    "QueryError": "percept_store.errors",
    "Record": "percept_store.ledger.record",
    "Store": "percept_store.store",
    "StoreError": "percept_store.errors",
    "export": "percept_store.exports",
    "open_cube": "percept_store.store",
    "query": "percept_store.queries",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
