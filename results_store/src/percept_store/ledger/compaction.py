"""Packing loose records into segments: write, link, and only then unlink what the segments hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from percept_store.ledger.backend import Backend, ensure
from percept_store.ledger.listing import Listing, small_segments
from percept_store.ledger.record import DamagedError, decode
from percept_store.ledger.segments import Place, encode_segment

SEGMENT_BYTES = 64 << 20
STALE_SECONDS = 3600.0
_SWEPT = ("ledger", "artefacts")  # whoever refreshes sweeps `cubes`

Packed = tuple[str, str, str, bytes]


def compact(
    backend: Backend, listing: Listing, report: Callable[[str, str], None], max_bytes: int, stale_seconds: float
) -> int:
    """What `Ledger.compact` does; see there."""
    with backend.locked("ledger/compact.lock"):
        for folder in _SWEPT:
            backend.sweep(folder, stale_seconds)
        loose = listing.loose()
        if not loose:
            return 0
        merged = {name for name in small_segments(listing, max_bytes) if _is_whole(backend, listing, name)}
        there = _packed_already(backend, listing, loose, set(listing.segments()) - merged)
        inside = {sha: place for name in merged for sha, place in listing.contents(name).items()}
        wanted = [place for sha, place in {**inside, **loose}.items() if sha not in there]
        packed = _pack(backend, _good(backend, wanted, report), max_bytes)
        held = there.union(*packed.values())
        for place in (place for sha, place in loose.items() if sha in held):
            backend.remove(place.file)
        for name in merged - set(packed):
            backend.remove(name)
        return sum(sha in held for sha in loose)


def _packed_already(backend: Backend, listing: Listing, loose: dict[str, Place], segments: set[str]) -> set[str]:
    """Which loose records these segments hold, too, undamaged."""
    copies = [place for name in segments for sha, place in listing.contents(name).items() if sha in loose]
    return {sha for sha, *_ in _good(backend, copies, lambda *_: None)}


def _pack(backend: Backend, records: Iterable[Packed], max_bytes: int) -> dict[str, list[str]]:
    """Segment written → addresses of the records in it."""
    packed = {}
    for batch in _batches(records, max_bytes):
        name, data = encode_segment(batch)
        ensure(backend, name, data)
        packed[name] = [sha for sha, *_ in batch]
    return packed


def _batches(records: Iterable[Packed], max_bytes: int) -> Iterator[list[Packed]]:
    batch: list[Packed] = []
    size = 0
    for record in records:
        if batch and size + len(record[3]) > max_bytes:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record[3])
    if batch:
        yield batch


def _good(backend: Backend, places: Iterable[Place], report: Callable[[str, str], None]) -> Iterator[Packed]:
    for place in places:
        try:
            yield _checked(backend, place)
        except DamagedError as error:
            report(f"{backend.root}/{place.file}", str(error))
        except FileNotFoundError:
            continue


def _checked(backend: Backend, place: Place) -> Packed:
    data = place.read(backend)
    record = decode(data, place.sha)
    return place.sha, record.kind, record.key, data


def _is_whole(backend: Backend, listing: Listing, name: str) -> bool:
    """Whether every record of a segment can be read; one that is damaged is left as it is, for whoever can mend it."""
    try:
        for place in listing.contents(name).values():
            _checked(backend, place)
    except (DamagedError, FileNotFoundError):
        return False
    return True
