"""What a version of the cube was built from: kept beside it, so that the next refresh reads new records only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from percept_store.cube.axes import Register
from percept_store.cube.factors import FactorTypes
from percept_store.cube.facts import Facts, Row
from percept_store.cube.layout import SCHEMA
from percept_store.ledger.record import DamagedError, Record, address, decode, encode
from percept_store.ledger.segments import Place


@dataclass(frozen=True)
class Index:
    """Records that went into a cube, by whom they are about, and what its axes were made from."""

    runs: list[str]
    order: tuple[float, str]
    assessors: Mapping[str, Any]
    images: Mapping[str, Any]
    factors: Mapping[str, Any]
    records: list[str]
    subjects: list[str]

    @cached_property
    def known(self) -> frozenset[str]:
        """Addresses of the records that the cube has taken in."""
        return frozenset(self.records)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Run → its index along the dimension `run`."""
        return {key: index for index, key in enumerate(self.runs)}

    def about(self, keys: Iterable[str]) -> set[str]:
        """Addresses of the records about these keys."""
        wanted = set(keys)
        return {sha for sha, key in zip(self.records, self.subjects, strict=True) if key in wanted}

    def registers(self) -> tuple[Register, Register]:
        """Fresh copies of the registers of assessors and images."""
        return Register(self.assessors), Register(self.images)

    def extended(self, facts: Facts, new: Sequence[Row], factors: FactorTypes, places: Mapping[str, Place]) -> Index:
        """The index after an update that adds these rows and takes in the records in `places`."""
        return Index(
            runs=[*self.runs, *(row.key for row in new)],
            order=new[-1].order if new else self.order,
            assessors=facts.assessors.entries(),
            images=facts.images.entries(),
            factors=factors.state(),
            records=[*self.records, *places],
            subjects=[*self.subjects, *(place.key for place in places.values())],
        )

    def encode(self) -> bytes:
        """As bytes: the sha256 of a record, and that record."""
        keys = list(dict.fromkeys(self.subjects))
        number = {key: place for place, key in enumerate(keys)}
        header = {
            "schema": SCHEMA,
            "runs": self.runs,
            "order": self.order,
            "assessors": self.assessors,
            "images": self.images,
            "factors": self.factors,
            "keys": keys,
        }
        hashes = np.frombuffer(bytes.fromhex("".join(self.records)), dtype="u1").reshape(-1, 32)
        subjects = np.array([number[key] for key in self.subjects], dtype="i4")
        data = encode(Record("cube-index", "index", header, {"records": hashes, "subjects": subjects}))
        return bytes.fromhex(address(data)) + data


DIGEST_BYTES = 32


def decode_index(data: bytes) -> Index | None:
    """The index in `data`, or None if it is damaged or of another schema."""
    try:
        record = decode(data[DIGEST_BYTES:], data[:DIGEST_BYTES].hex())
    except DamagedError:
        return None
    header = record.header
    if header["schema"] != SCHEMA:
        return None
    digits = record.arrays["records"].tobytes().hex()
    records = [digits[start : start + 64] for start in range(0, len(digits), 64)]
    subjects = [header["keys"][number] for number in record.arrays["subjects"].tolist()]
    moment, key = header["order"]
    kept = header["assessors"], header["images"], header["factors"]
    return Index(header["runs"], (moment, key), *kept, records, subjects)


def index_of(facts: Facts, rows: list[Row], factors: FactorTypes, places: Mapping[str, Place]) -> Index:
    """The index of a cube that has these rows, made from the records in `places`."""
    return Index(
        runs=[row.key for row in rows],
        order=rows[-1].order,
        assessors=facts.assessors.entries(),
        images=facts.images.entries(),
        factors=factors.state(),
        records=list(places),
        subjects=[place.key for place in places.values()],
    )
