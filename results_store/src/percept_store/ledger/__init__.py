"""The ledger: every record, the truth that cubes are built from. Records are added, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from percept_store.errors import StoreError
from percept_store.ledger.backend import Backend, ensure
from percept_store.ledger.compaction import SEGMENT_BYTES, STALE_SECONDS, compact
from percept_store.ledger.listing import Listing, loose_name
from percept_store.ledger.record import DamagedError, Record, address, decode, encode
from percept_store.ledger.segments import Place

__all__ = ["Damaged", "Ledger", "Record"]


class Damaged(NamedTuple):
    """A file, or a part of one, that does not hold what its name promises, and why."""

    path: str
    reason: str


class Ledger:
    """All records below `ledger/`: one file each until `compact` packs them into segments.

    Any number of processes may write and read at once. Damaged records are skipped, and listed in `damaged`.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._listing = Listing(backend, self.report)
        self._damaged: dict[str, Damaged] = {}

    @property
    def damaged(self) -> list[Damaged]:
        """The damage found so far, one entry a record."""
        return list(self._damaged.values())

    def put(self, record: Record) -> str:
        """Store a record durably and return its content address. Storing the same again changes nothing.

        Raises StoreError if it cannot be written; whatever was stored before is untouched then.
        """
        data = encode(record)
        sha = address(data)
        name = loose_name(sha, record.kind, record.key)
        ensure(self._backend, name, data)
        self._damaged.pop(self._where(Place(sha, record.kind, record.key, name)), None)
        return sha

    def records(self, kind: str | None = None) -> Iterator[Record]:
        """All distinct records, of one kind or of all, in the order of their addresses; damaged ones are skipped."""
        return self.read(place for _, place in sorted(self.places().items()) if kind in (None, place.kind))

    def latest(self, kind: str, key: str) -> Record | None:
        """The record that counts for (kind, key): one with status `ok` before any other, then the newest."""
        return max(self.read(self._listing.about(kind, key)), key=precedence, default=None)

    def places(self) -> dict[str, Place]:
        """Address → place of every record that the ledger lists now, damaged or not."""
        return self._listing.all()

    def read(self, places: Iterable[Place]) -> Iterator[Record]:
        """The records at these places, in that order; damaged ones are skipped and reported."""
        for place in places:
            try:
                yield decode(self._listing.read(place), place.sha)
            except DamagedError as error:
                self.report(self._where(place), str(error))

    def compact(self, max_bytes: int = SEGMENT_BYTES, stale_seconds: float = STALE_SECONDS) -> int:
        """Pack loose records into segments of at most `max_bytes` (one larger record gets its own); how many.

        Also removes temporary files older than `stale_seconds` that killed writers of records and artefacts left. One
        process at a time compacts; reading and writing go on meanwhile.
        """
        return compact(self._backend, self._listing, self.report, max_bytes, stale_seconds)

    def report(self, path: str, reason: str) -> None:
        """Note that what lies at `path` is damaged."""
        self._damaged[path] = Damaged(path, f"{reason}; it is skipped, restore it from a copy or run again")

    def _where(self, place: Place) -> str:
        path = f"{self._backend.root}/{place.file}"
        return path if place.length < 0 else f"{path} at byte {place.offset}"


def precedence(record: Record) -> tuple[bool, float, str]:
    """Sort key of records about one thing: the greatest counts."""
    return record.header.get("status", "ok") == "ok", record.moment, record.sha


def require_some(places: dict[str, Place], root: object) -> None:
    """Raise StoreError if there is nothing to build a cube from."""
    if not any(place.kind == "run" for place in places.values()):
        raise StoreError(f"{root}: no runs are stored here; run a recipe into it first, or name another store")
