"""From records to rows: what the ledger says of each run, with everything that says it joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from percept_store.cube.axes import Register, image_key
from percept_store.cube.factors import column
from percept_store.ledger import Ledger, Record, precedence
from percept_store.ledger.record import METADATA_KEY

_PLACE = ("id", "dataset", "sha256", "height", "width", "reference")
_OPINION = ("mos", "mos_std", "distortion_type", "rated_reference")
_IMAGE_FACTS = _PLACE + _OPINION


@dataclass(frozen=True, slots=True)
class Assessment:
    """One record's scores of one run; `assessors` and `images` are keys, arrays are (assessor, image)."""

    moment: float
    sha: str
    assessors: tuple[str, ...]
    images: tuple[str, ...]
    score: np.ndarray
    status: np.ndarray
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    reasons: Mapping[tuple[int, int], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One run: the record that counts, the factors of all its records, and its assessments, oldest first."""

    key: str
    moment: float
    header: Mapping[str, Any]
    recipes: tuple[str, ...]
    factors: Mapping[str, Any]
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]]
    assessments: tuple[Assessment, ...]

    @property
    def order(self) -> tuple[float, str]:
        """Runs stand in order of creation."""
        return self.moment, self.key


@dataclass
class Facts:
    """What has been read of the ledger. Reading the same records in another order gives the same."""

    assessors: Register = field(default_factory=Register)
    images: Register = field(default_factory=Register)
    runs: dict[str, list[Record]] = field(default_factory=dict)
    memberships: dict[str, list[Record]] = field(default_factory=dict)
    assessments: dict[str, list[Assessment]] = field(default_factory=dict)
    _shared: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def add(self, ledger: Ledger, records: Iterable[Record]) -> None:
        """Take in records; one that is not of its kind's form is reported to the ledger and left out."""
        for record in records:
            try:
                self._add(record)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                reason = f"not of the form of {METADATA_KEY} {record.kind} ({type(error).__name__}: {error})"
                ledger.report(f"{record.kind} {record.sha}", reason)

    def rows(self, keys: Iterable[str] | None = None) -> list[Row]:
        """The rows of all runs, or of those among `keys`, in order of creation."""
        chosen = self.runs.keys() if keys is None else self.runs.keys() & set(keys)
        return sorted((self._row(key) for key in chosen), key=lambda row: row.order)

    def _add(self, record: Record) -> None:
        if record.kind == "run":
            self.runs.setdefault(record.key, []).append(record)
        elif record.kind == "membership":
            self.memberships.setdefault(record.key, []).append(record)
        elif record.kind == "assessment":
            self.assessments.setdefault(record.key, []).append(self._assessment(record))

    def _assessment(self, record: Record) -> Assessment:
        header, images = record.header, record.header["images"]
        score, status = np.asarray(record.arrays["score"], "f8"), np.asarray(record.arrays["status"], "u1")
        assessors = tuple(entry["key"] for entry in header["assessors"])
        if score.shape != (len(assessors), len(images)) or status.shape != score.shape or (status > 3).any():
            raise ValueError(
                f"score {score.shape} and status {status.shape} for {len(assessors)} assessors, {len(images)} images"
            )
        for place, entry in enumerate(header["assessors"]):
            self.assessors.note(entry["key"], entry, record.moment, record.sha, place)
        keys = tuple(map(image_key, images))
        for place, (key, entry) in enumerate(zip(keys, images, strict=True)):
            self.images.note(key, _of_the_image(entry), record.moment, record.sha, place)
        return Assessment(
            moment=record.moment,
            sha=record.sha,
            assessors=self._share(assessors),
            images=self._share(keys),
            score=score,
            status=status,
            outputs=self._share(tuple(entry.get("output", "") for entry in images)),
            inputs=self._share(tuple(entry.get("input", "") for entry in images)),
            reasons=dict(_reasons(header.get("reasons") or {})),
        )

    def _share(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        return self._shared.setdefault(keys, keys)

    def _row(self, key: str) -> Row:
        runs = self.runs[key]
        told = sorted([*runs, *self.memberships.get(key, [])], key=lambda record: (record.moment, record.sha))
        record = max(runs, key=precedence)
        return Row(
            key=key,
            moment=record.moment,
            header=record.header,
            recipes=tuple(dict.fromkeys(r.header["recipe"] for r in told if r.header.get("recipe"))),
            factors=_merged(told),
            curves=_curves(record),
            assessments=tuple(sorted(self.assessments.get(key, []), key=lambda a: (a.moment, a.sha))),
        )


def _merged(records: Iterable[Record]) -> dict[str, Any]:
    """Columns of a run; the earliest value of each wins."""
    merged: dict[str, Any] = {}
    for record in records:
        for name, value in record.header.get("factors", {}).items():
            if value is not None:
                merged.setdefault(column(name), value)
    return merged


def _curves(record: Record) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    curves = {}
    for name in sorted(record.arrays):
        if name.startswith("curve/") and name.endswith("/step"):
            series = name.removeprefix("curve/").removesuffix("/step")
            step, value = record.arrays[name], record.arrays.get(f"curve/{series}/value")
            if value is not None and value.shape == step.shape and step.ndim == 1:
                curves[series] = step, value
    return curves


def _of_the_image(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in _IMAGE_FACTS if name in entry}


def _reasons(reasons: Any) -> Iterator[tuple[tuple[int, int], str]]:
    """Dense [[…]] or sparse {"a,i": …} → ((a, i), reason), without the empty ones."""
    if isinstance(reasons, Mapping):
        for cell, reason in reasons.items():
            assessor, _, image = cell.partition(",")
            yield (int(assessor), int(image)), reason
        return
    for assessor, line in enumerate(reasons):
        yield from (((assessor, image), reason) for image, reason in enumerate(line) if reason)
