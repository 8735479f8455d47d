"""What factors do not say of a run: the resolved cell of its recipe, which its record in the ledger keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from percept_store.errors import QueryError
from percept_store.ledger import Ledger, Record, precedence
from percept_store.store import store_of
from percept_store.studies.lives import texts

_MINIMISED = ("fidelity", "quality")
_WITHOUT_EFFECT = ("log-every", "checkpoint-every")


def resolved_cells(cube: xr.Dataset, places: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    """Place along `run` → the cell that the run's record holds; {} where it holds none, or the cube is of no store.

    An exported cube has only its factors to go by. Raises QueryError if the ledger of the cube's store does not have
    such a record undamaged.
    """
    runs = texts(cube, "run")
    wanted = {int(place): str(runs[place]) for place in places}
    if not wanted:
        return {}
    store = store_of(cube)
    if store is None:
        return {place: {} for place in wanted}
    records = _records(store.ledger, set(wanted.values()))
    lost = next((key for key in wanted.values() if key not in records), "")
    if lost:
        raise QueryError(
            f"{store.root}: the record of run {lost[:12]} is gone or damaged; percept cube refresh --rebuild"
        )
    return {place: records[key].header.get("cell") or {} for place, key in wanted.items()}


def without_loss(cell: Mapping[str, Any]) -> str:
    """All of a cell that makes its outputs, but what is minimised: equal for runs that differ in their loss alone.

    How outputs are assessed, which machine made them and what components are called is left out. A path stands for
    itself: of data that have moved in between, no cell says that they are the same.
    """
    data, optimize = cell.get("data") or {}, cell.get("optimize") or {}
    kept = {
        "generator": cell.get("generator"),
        "optimize": {name: value for name, value in optimize.items() if name not in _MINIMISED + _WITHOUT_EFFECT},
        "degrade": data.get("degrade"),
        "learned": data.get("train") or data.get("test"),
        "validate": data.get("validate") if optimize.get("validate") else None,
        "seed": cell.get("seed"),
        "precision": (cell.get("runtime") or {}).get("precision"),
    }
    return json.dumps(_nameless(kept), sort_keys=True)


def _records(ledger: Ledger, keys: set[str]) -> dict[str, Record]:
    """The record that counts for each of these runs. All are listed at once, where `latest` would list for each."""
    found: dict[str, Record] = {}
    for record in ledger.read(p for p in ledger.places().values() if p.kind == "run" and p.key in keys):
        found[record.key] = max(record, found.get(record.key, record), key=precedence)
    return found


def _nameless(value: Any) -> Any:
    """Without the names that recipes give to components."""
    if isinstance(value, Mapping):
        return {k: _nameless(v) for k, v in value.items() if not (k == "label" and "use" in value)}
    return [_nameless(inner) for inner in value] if isinstance(value, list) else value
