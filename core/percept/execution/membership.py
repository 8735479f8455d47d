"""A run that several recipes contain is made once; each recipe's factors are noted on it."""

from __future__ import annotations

from collections.abc import Sequence

from percept_store import Record, Store

from percept.execution.plan import PlannedCell
from percept.execution.snapshot import Snapshot
from percept.stages.label import factors_of
from percept.stages.record import now


def note_memberships(store: Store, snapshot: Snapshot, cells: Sequence[PlannedCell]) -> None:
    """Put a record of kind `membership` for each cell whose run exists but lacks this recipe's name or factors."""
    for cell in cells:
        if cell.key not in snapshot.runs:
            continue
        factors = {**factors_of(cell.config), **cell.factors}
        known = [snapshot.runs[cell.key], *snapshot.memberships.get(cell.key, [])]
        if any(cell.recipe == h["recipe"] and factors.items() <= h["factors"].items() for h in known):
            continue
        header = {"created": now(), "recipe": cell.recipe, "factors": factors}
        store.ledger.put(Record(kind="membership", key=cell.key, header=header))
