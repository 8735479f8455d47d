"""What the ledger holds now. Loose files are listed before segments, so that a record which is being packed is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from percept_store.ledger.backend import Backend
from percept_store.ledger.record import DamagedError
from percept_store.ledger.segments import FOLDER, SUFFIX, Place, read_index

LOOSE = "ledger/loose"

_LOOSE_SUFFIX = ".safetensors"


def loose_name(sha: str, kind: str, key: str) -> str:
    """The file of one record. Folders go by key: what concerns one run lies together."""
    return f"{LOOSE}/{key[:2]}/{sha}.{kind}.{key}{_LOOSE_SUFFIX}"


class Listing:
    """Names and places of records. Segments never change, so that their indexes are read once."""

    def __init__(self, backend: Backend, report: Callable[[str, str], None]) -> None:
        self._backend = backend
        self._report = report
        self._segments: dict[str, dict[str, Place]] = {}
        self._by_subject: dict[str, dict[tuple[str, str], list[Place]]] = {}
        self._loose: dict[str, Place] = {}

    def all(self) -> dict[str, Place]:
        """Address → place of each distinct record."""
        loose = self.loose()
        places: dict[str, Place] = {}
        for segment in self.segments():
            places.update(self._segments[segment])
        places.update(loose)
        return places

    def loose(self) -> dict[str, Place]:
        """Address → place of the records that have a file of their own."""
        return self._loose_below(LOOSE)

    def about(self, kind: str, key: str) -> list[Place]:
        """The distinct records of one kind about one key."""
        found = self._loose_below(f"{LOOSE}/{key[:2]}")
        places = {place.sha: place for place in found.values() if (place.kind, place.key) == (kind, key)}
        for segment in self.segments():
            places.update({place.sha: place for place in self._subjects(segment).get((kind, key), [])})
        return list(places.values())

    def segments(self) -> list[str]:
        """Names of the segments whose index is whole; the others are reported."""
        while True:
            try:
                return [name for name in self._stable_names() if self._index(name) is not None]
            except FileNotFoundError:
                continue

    def contents(self, segment: str) -> dict[str, Place]:
        """Address → place of what one listed segment holds."""
        return self._segments[segment]

    def read(self, place: Place) -> bytes:
        """The bytes at a place, or wherever they have been packed meanwhile. Raises DamagedError if they are lost."""
        for _ in range(3):
            try:
                return place.read(self._backend)
            except FileNotFoundError:
                place = self.all().get(place.sha, place)
        raise DamagedError("it was listed, and is gone")

    def _loose_below(self, folder: str) -> dict[str, Place]:
        known = self._loose
        places = {}
        for name in self._backend.names(folder):
            place = known.get(name) or self._parse(name)
            if place is not None:
                places[place.sha] = known[name] = place
        return places

    def _parse(self, name: str) -> Place | None:
        parts = name.rpartition("/")[2].split(".")
        if len(parts) != 4 or len(parts[0]) != 64 or f".{parts[3]}" != _LOOSE_SUFFIX:
            return None
        return Place(parts[0], parts[1], parts[2], name)

    def _stable_names(self) -> list[str]:
        """Listed until two listings agree: one alone can miss both the old and the new file of a merge."""
        before = None
        while (now := self._segment_names()) != before:
            before = now
        return now

    def _segment_names(self) -> list[str]:
        return sorted(name for name in self._backend.names(FOLDER) if name.endswith(SUFFIX))

    def _index(self, name: str) -> dict[str, Place] | None:
        if name not in self._segments:
            try:
                places = read_index(self._backend, name)
            except DamagedError as error:
                self._report(f"{self._backend.root}/{name}", str(error))
                return None
            self._segments[name] = {place.sha: place for place in places}
        return self._segments[name]

    def _subjects(self, name: str) -> dict[tuple[str, str], list[Place]]:
        if name not in self._by_subject:
            subjects: dict[tuple[str, str], list[Place]] = {}
            for place in self._segments[name].values():
                subjects.setdefault((place.kind, place.key), []).append(place)
            self._by_subject[name] = subjects
        return self._by_subject[name]


def small_segments(listing: Listing, max_bytes: int) -> Iterator[str]:
    """Segments that are less than half full."""
    for name in listing.segments():
        if sum(place.length for place in listing.contents(name).values()) < max_bytes // 2:
            yield name
