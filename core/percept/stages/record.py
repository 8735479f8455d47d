"""A run's records: what it was, how it ended, what it leaves; and the scores that its outputs were given."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from percept_store import Record

from percept import __version__
from percept.registry import registry
from percept.stages.job import Job
from percept.stages.label import factors_of

if TYPE_CHECKING:
    from torch import Tensor

    from percept.stages.score import Score


def record_run(
    job: Job,
    status: str,
    *,
    reason: str = "",
    seconds: float = 0.0,
    arrays: Mapping[str, Any] | None = None,
    weights: Mapping[str, str] | None = None,
    skipped: int = 0,
    final: bool = True,
) -> None:
    """Put the record of kind `run` into the ledger. `final` failures are not tried again by the next `recipe run`."""
    header = {
        "status": status,
        "reason": reason,
        "final": final,
        "created": now(),
        "seconds": seconds,
        "skipped_steps": skipped,
        "recipe": job.recipe,
        "factors": {**factors_of(job.config), **job.factors},
        "cell": dict(job.config),
        "weights": dict(weights or {}),
        "provenance": provenance(job),
    }
    job.store.ledger.put(Record(kind="run", key=job.key, header=header, arrays=dict(arrays or {})))


def record_assessment(
    job: Job,
    assessors: Sequence[Mapping[str, Any]],
    rows: Sequence[tuple[Mapping[str, Any], Sequence[Score]]],
    test: str,
    seconds: float,
) -> None:
    """Put a record of kind `assessment` into the ledger.

    assessors  their facts, in the order of each row's scores
    rows       an image's facts and its scores
    test       names the images as they were used
    """
    import numpy as np

    header = {
        "created": now(),
        "seconds": seconds,
        "test": test,
        "assessors": [dict(facts) for facts in assessors],
        "images": [dict(facts) for facts, _ in rows],
        "reasons": {f"{a},{i}": s.reason for i, (_, row) in enumerate(rows) for a, s in enumerate(row) if s.reason},
        "provenance": provenance(job),
    }
    columns = list(zip(*(scores for _, scores in rows), strict=True))
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "score": np.array([[s.value for s in column] for column in columns], dtype=np.float64),
        "status": np.array([[s.status for s in column] for column in columns], dtype=np.uint8),
    }
    job.store.ledger.put(Record(kind="assessment", key=job.key, header=header, arrays=arrays))


def content_hash(image: Tensor) -> str:
    """sha256 of an image's shape and values: what says that two targets are the same."""
    return hashlib.sha256(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).hexdigest()


def provenance(job: Job) -> dict[str, Any]:
    """Versions of percept, its plugins and the libraries under them, and what of the machine matters to the bits."""
    libraries = ("numpy", "percept-store", "pillow", "safetensors", "scikit-image", "torch")
    return {
        "percept": __version__,
        "plugins": {p.distribution: p.version for p in registry().plugins if p.specs},
        "libraries": dict(_versions(libraries)),
        **job.runtime.facts(),
    }


def now() -> str:
    """The present moment, UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _versions(distributions: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in distributions:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
