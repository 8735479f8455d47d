"""Bringing the cube up to date with the ledger: one process at a time, readers undisturbed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from percept_store.cube.arrays import Arrays
from percept_store.cube.blocks import Axes
from percept_store.cube.build import build, write_rows
from percept_store.cube.factors import FactorTypes
from percept_store.cube.facts import Facts, Row
from percept_store.cube.index import DIGEST_BYTES, Index, decode_index, index_of
from percept_store.cube.layout import Type
from percept_store.cube.shelf import Shelf
from percept_store.ledger import Ledger, Record, require_some
from percept_store.ledger.segments import Place

_KINDS = ("run", "membership", "assessment")
_FEW = 64


@dataclass(frozen=True)
class Update:
    """What separates a cube from the ledger where all other coordinates stay as they are."""

    new: list[Row]
    changed: Mapping[int, Row]
    axes: Axes
    factors: Mapping[str, Type]
    index: Index


class Refresher:
    """Keeps the index of the newest version in memory, so that a process that refreshes often reads it once."""

    def __init__(self, ledger: Ledger, shelf: Shelf) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._seen: tuple[bytes, Index] | None = None

    def refresh(self, rebuild: bool) -> Path | str:
        """What `Store.refresh` does; see there."""
        with self._shelf.locked():
            places = _relevant(self._ledger.places())
            require_some(places, self._shelf.root)
            current = None if rebuild else self._shelf.current()
            index = self._index(current)
            if current is None or index is None:
                return self._rebuild(places)
            if places.keys() == index.known:
                return self._shelf.path(current)
            update = self._plan(index, places)
            if update is None:
                return self._rebuild(places)
            if not update.new and not update.changed:
                return self._shelf.path(current)
            return self._apply(current, update)

    def _index(self, version: int | None) -> Index | None:
        if version is None:
            return None
        if self._seen is not None and self._seen[0] == self._shelf.read_index(version, DIGEST_BYTES):
            return self._seen[1]
        data = self._shelf.read_index(version)
        return decode_index(data) if data is not None else None

    def _plan(self, index: Index, places: dict[str, Place]) -> Update | None:
        """The update, or None if the cube has to be built anew."""
        fresh = {sha: place for sha, place in places.items() if sha not in index.known}
        if index.known - places.keys() or not self._shelf.can_copy or len(fresh) > max(_FEW, len(index.known)):
            return None
        records = list(self._ledger.read(fresh.values()))
        if any(record.kind != "assessment" and record.key in index.row_of for record in records):
            return None
        return _update(self._ledger, index, records, places)

    def _rebuild(self, places: dict[str, Place]) -> Path | str:
        facts, read = Facts(), set[str]()
        facts.add(self._ledger, _noting(read, self._ledger.read(place for _, place in sorted(places.items()))))
        rows = facts.rows()
        require_some(places if rows else {}, self._shelf.root)
        factors = FactorTypes()
        for row in rows:
            factors.note(row.factors)
        index = index_of(facts, rows, factors, {sha: place for sha, place in places.items() if sha in read})
        with self._shelf.draft() as draft:
            build(draft, rows, Axes.of(facts.assessors, facts.images), factors.columns())
            return self._publish(draft, index)

    def _apply(self, current: int, update: Update) -> Path | str:
        with self._shelf.draft(copy_of=current) as draft:
            write_rows(Arrays.open(draft), update.new, update.changed, update.axes, update.factors)
            return self._publish(draft, update.index)

    def _publish(self, draft: Path, index: Index) -> Path | str:
        data = index.encode()
        version = self._shelf.publish(draft, data)
        self._seen = data[:DIGEST_BYTES], index
        return self._shelf.path(version)


def _noting(read: set[str], records: Iterator[Record]) -> Iterator[Record]:
    for record in records:
        read.add(record.sha)
        yield record


def _relevant(places: Mapping[str, Place]) -> dict[str, Place]:
    """Records that a cube shows: those of runs, and those about runs that are there."""
    runs = {place.key for place in places.values() if place.kind == "run"}
    return {sha: place for sha, place in places.items() if place.kind in _KINDS and place.key in runs}


def _update(ledger: Ledger, index: Index, records: list[Record], places: Mapping[str, Place]) -> Update | None:
    touched = {record.key for record in records}
    facts = Facts(*index.registers())
    facts.add(ledger, records)
    facts.add(ledger, ledger.read(places[sha] for sha in sorted(index.about(touched))))
    rows = facts.rows(touched)
    new = [row for row in rows if row.key not in index.row_of]
    factors, axes = FactorTypes(index.factors), Axes.of(*index.registers())
    columns = factors.columns()
    for row in new:
        factors.note(row.factors)
    same = Axes.of(facts.assessors, facts.images) == axes and factors.columns() == columns
    if not same or (new and new[0].order <= index.order):
        return None
    changed = {index.row_of[row.key]: row for row in rows if row.key in index.row_of}
    taken = {record.sha: places[record.sha] for record in records}
    return Update(new, changed, axes, columns, index.extended(facts, new, factors, taken))
