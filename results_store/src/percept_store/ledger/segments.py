"""Many records in one file: magic, length of the index, index, then the records' bytes end to end.

The file is named by the sha256 of its index. As the index lists the sha256 of each record, the name fixes the content.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from percept_store.ledger.backend import Backend
from percept_store.ledger.record import DamagedError, address

FOLDER = "ledger/segments"
SUFFIX = ".segment"

_MAGIC = b"PCTSEG01"
_FIRST_READ = 1 << 18


class Place(NamedTuple):
    """Where a stored record lies: a file of its own (`length` < 0), or a part of a segment."""

    sha: str
    kind: str
    key: str
    file: str
    offset: int = 0
    length: int = -1

    def read(self, backend: Backend) -> bytes:
        """The record's bytes. Raises FileNotFoundError if the file has gone since it was listed."""
        if self.length < 0:
            return backend.read(self.file)
        return backend.read_range(self.file, self.offset, self.length)


def encode_segment(records: Iterable[tuple[str, str, str, bytes]]) -> tuple[str, bytes]:
    """(name, bytes) of a segment that holds (sha, kind, key, bytes) records, whatever order they come in."""
    parts = sorted(records)
    index = json.dumps([[sha, kind, key, len(data)] for sha, kind, key, data in parts], separators=(",", ":")).encode()
    head = _MAGIC + len(index).to_bytes(8, "little") + index
    return f"{FOLDER}/{address(index)}{SUFFIX}", head + b"".join(data for *_, data in parts)


def read_index(backend: Backend, name: str) -> list[Place]:
    """What a segment holds. Raises DamagedError if its index is not whole, FileNotFoundError if the file is gone."""
    head = backend.read_range(name, 0, _FIRST_READ)
    size = int.from_bytes(head[8:16], "little")
    index = head[16 : 16 + size]
    if 16 + size > len(head):
        index += backend.read_range(name, len(head), 16 + size - len(head))
    if head[:8] != _MAGIC or f"{FOLDER}/{address(index)}{SUFFIX}" != name:
        raise DamagedError("the index of this segment is damaged")
    return list(_places(name, 16 + size, json.loads(index)))


def _places(name: str, offset: int, index: list[tuple[str, str, str, int]]) -> Iterator[Place]:
    for sha, kind, key, length in index:
        yield Place(sha, kind, key, name, offset, length)
        offset += length
