"""One record: a JSON header and raw arrays in one safetensors file, named by the sha256 of its bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from percept_store.errors import StoreError

if TYPE_CHECKING:
    import numpy as np

METADATA_KEY = "percept_record"

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_KEY = re.compile(r"[0-9A-Za-z_-]{1,100}")
_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2",
    "U32": "<u4", "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip


class DamagedError(Exception):
    """Bytes that are not the record that their name promises."""


@dataclass(frozen=True, eq=False)
class Record:
    """What a run, or a later assessment of it, leaves in the ledger. Never changes once it is stored.

    kind     `run`, `membership`, `assessment`: lower case, at most 32 characters
    key      what it is about: the run's name, 64 hexadecimal digits
    header   whatever JSON can hold; `created`, if there, is an ISO-8601 time, taken for UTC if it names no zone
    arrays   numpy arrays of any numeric type and shape
    sha      its content address; empty until it is stored

    Raises StoreError if the kind, the key or `created` is not of that form.
    """

    kind: str
    key: str
    header: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    sha: str = ""

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise StoreError(f"record kind {self.kind!r}: use lower case, digits, hyphens and underscores")
        if not _KEY.fullmatch(self.key):
            raise StoreError(f"record key {self.key!r}: use the run's name, 64 hexadecimal digits")
        moment(self.header)

    @property
    def moment(self) -> float:
        """When it was created, seconds since 1970 UTC; 0 if the header does not say."""
        return moment(self.header)


def moment(header: Mapping[str, Any]) -> float:
    """`created` of a header as seconds since 1970 UTC, 0 without one. Raises StoreError if it is not ISO-8601."""
    created = header.get("created", "")
    if created == "":
        return 0.0
    try:
        time = datetime.fromisoformat(created)
    except (TypeError, ValueError):
        raise StoreError(f"created: {created!r} is not an ISO-8601 time such as 2025-01-31T12:00:00Z") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def address(data: bytes) -> str:
    """The name that `data` goes by: 64 hexadecimal digits of sha256."""
    return hashlib.sha256(data).hexdigest()


def encode(record: Record) -> bytes:
    """The record's bytes; equal records have equal bytes. Raises StoreError if a part of it cannot be stored."""
    import numpy as np
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(values).reshape(np.shape(values)) for name, values in record.arrays.items()}
    for name, values in arrays.items():
        if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
            raise StoreError(f"{record.kind} record {record.key}: array {name!r} has type {values.dtype}; use numbers")
    native = {name: values.astype(values.dtype.newbyteorder("="), copy=False) for name, values in arrays.items()}
    return bytes(save(native, metadata={METADATA_KEY: _json(record)}))


def decode(data: bytes, sha: str) -> Record:
    """The record in `data`. Raises DamagedError, saying how, unless these are the bytes that were stored as `sha`."""
    if address(data) != sha:
        raise DamagedError(_how(data))
    size = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8 : 8 + size])
    about = json.loads(tensors.pop("__metadata__")[METADATA_KEY])
    arrays = {name: _array(data, 8 + size, entry) for name, entry in tensors.items()}
    return Record(about["kind"], about["key"], about["header"], arrays, sha)


def _json(record: Record) -> str:
    about = {"kind": record.kind, "key": record.key, "header": dict(record.header)}
    try:
        return json.dumps(about, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"{record.kind} record {record.key}: the header is not JSON ({error}); convert it first"
        ) from None


def _array(data: bytes, base: int, entry: Mapping[str, Any]) -> np.ndarray:
    import numpy as np

    start, _ = entry["data_offsets"]
    count = 1
    for side in entry["shape"]:
        count *= side
    values = np.frombuffer(data, dtype=_DTYPES[entry["dtype"]], count=count, offset=base + start)
    return values.reshape(entry["shape"])


def _how(data: bytes) -> str:
    expected = _expected_length(data)
    if expected > len(data):
        return f"cut short: {len(data)} of {expected} bytes"
    return "its content is not what was stored"


def _expected_length(data: bytes) -> int:
    """How long the header says that the file is; one byte more than there is where the header itself is cut."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or len(data) < 8 + size:
        return max(8 + size if len(data) >= 8 else 8, len(data) + 1)
    try:
        tensors = json.loads(data[8 : 8 + size])
        return 8 + size + max((e["data_offsets"][1] for n, e in tensors.items() if n != "__metadata__"), default=0)
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0
