"""What failed, and how the numbers came about: both from the records, neither interpreted."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from percept_store.cube.layout import FAILED, NOT_APPLICABLE
from percept_store.report.configurations import Design
from percept_store.report.source import Run, Source, as_text

VALUES = 4
_TEXT = 200


@dataclass(frozen=True)
class Failure:
    """What went wrong (`kind`), for whom (`what`), why, and in how many cells."""

    kind: str
    what: str
    reason: str
    count: int


@dataclass(frozen=True)
class Fact:
    """One item of the run records' provenance, its values most frequent first; `more`: how many are not shown."""

    name: str
    values: tuple[str, ...]
    more: int


def failures(source: Source, design: Design) -> list[Failure]:
    """Failed runs, then failed scores, then those that do not apply, equal ones counted together."""
    names = {run.key: (c.name, run) for c in design.configurations for run in c.runs}
    found = [
        Failure("run failed", _who(name, run), run.reason or "no reason recorded", 1)
        for name, run in names.values()
        if not run.ok
    ]
    cells: Counter[tuple[str, str, str]] = Counter()
    for kind, status in (("score failed", FAILED), ("not applicable", NOT_APPLICABLE)):
        for run, assessor, image in zip(*(source.status == status).nonzero(), strict=True):
            name = names[source.runs[run].key][0]
            reason = source.reason(run, assessor, image) or "no reason recorded"
            cells[kind, f"{source.assessors[assessor].label} on {name}", reason] += 1
    return found + [Failure(*cell, count) for cell, count in cells.items()]


def facts(runs: Sequence[Run]) -> list[Fact]:
    """Versions, threads, machine: every leaf of the records' `provenance`, in the order of the records."""
    values: dict[str, Counter[str]] = {}
    for run in runs:
        for name, value in _leaves(run.header.get("provenance", {}), ""):
            values.setdefault(name, Counter())[value[:_TEXT]] += 1
    return [
        Fact(name, tuple(value for value, _ in counts.most_common(VALUES)), max(len(counts) - VALUES, 0))
        for name, counts in values.items()
    ]


def commands(runs: Sequence[Run]) -> list[str]:
    """What to type to make the same runs again."""
    recipes = dict.fromkeys(recipe for run in runs for recipe in run.recipes)
    return [f"percept recipe run {shlex.quote(recipe)}" for recipe in recipes] + ["percept cube report"]


def _who(name: str, run: Run) -> str:
    return f"{name}, seed {run.seed}" if run.seed else name


def _leaves(value: Any, name: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        yield name, ", ".join(map(as_text, value))
    elif value not in (None, ""):
        yield name, as_text(value)
