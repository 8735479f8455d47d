"""A run's own record: what it was, how it ended, what it leaves."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from percept_store import Record

from percept import __version__
from percept.registry import registry
from percept.stages.job import Job
from percept.stages.label import factors_of


def record_run(
    job: Job,
    status: str,
    *,
    reason: str = "",
    seconds: float = 0.0,
    arrays: Mapping[str, Any] | None = None,
    weights: Mapping[str, str] | None = None,
    final: bool = True,
) -> None:
    """Put the record of kind `run` into the ledger. `final` failures are not tried again by the next `recipe run`."""
    header = {
        "status": status,
        "reason": reason,
        "final": final,
        "created": now(),
        "seconds": seconds,
        "recipe": job.recipe,
        "factors": {**factors_of(job.config), **job.factors},
        "cell": dict(job.config),
        "weights": dict(weights or {}),
        "provenance": provenance(job),
    }
    job.store.ledger.put(Record(kind="run", key=job.key, header=header, arrays=dict(arrays or {})))


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
