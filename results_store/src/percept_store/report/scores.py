"""The score tables: means over images and seeds, what is best, and why a score is absent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from percept_store.cube.layout import FAILED, NOT_APPLICABLE, NOT_RUN, OK
from percept_store.report.columns import Part, parts
from percept_store.report.configurations import Configuration, Design
from percept_store.report.notation import notation
from percept_store.report.source import Assessor, Source

_WORDS = {NOT_RUN: "not run", FAILED: "failed", NOT_APPLICABLE: "n/a"}
_LONG = {NOT_RUN: "not assessed", FAILED: "failed", NOT_APPLICABLE: "not applicable"}


@dataclass(frozen=True)
class Cell:
    """One configuration under one assessor. `value` None: there is no score, `text` says which kind of none.

    quality  from 0, worst of its column, to 1, best; None where the column has nothing to compare
    best     best of its column, in its table or in all tables of the same images, or written like that one
    leads    best of all tables of the same images, where these are several, or written like that one in its table
    """

    text: str
    spread: str
    title: str
    value: float | None
    std: float
    quality: float | None = None
    best: bool = False
    leads: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Row:
    configuration: Configuration
    cells: tuple[Cell, ...]
    runs: str


@dataclass(frozen=True)
class Table:
    """The configurations of `part`, assessed on the same `images`, so that their means may be compared.

    assessors  its columns: those that were asked about any of the rows; all, if none was
    idle       the others
    """

    images: tuple[int, ...]
    rows: tuple[Row, ...]
    part: Part
    assessors: tuple[Assessor, ...]
    idle: tuple[Assessor, ...]


def tables(source: Source, design: Design) -> list[Table]:
    """A table for each part of each set of test images; the set with most configurations comes first."""
    sets = {c.index: frozenset().union(*(source.covered(run.index) for run in c.runs)) for c in design.configurations}
    common = Counter(images for images in sets.values() if images).most_common()
    chosen = [images for images, _ in common] or [frozenset(range(len(source.images)))]
    found: list[Table] = []
    for images in chosen:
        members = [c for c in design.configurations if (sets[c.index] or chosen[0]) == images]
        found.extend(_tables(source, design, members, sorted(images)))
    return found


def run_means(source: Source, run: int, images: Sequence[int]) -> np.ndarray:
    """Mean score over `images` by assessor, over those that have one; NaN where none has."""
    ok = source.status[run][:, images] == OK
    total = np.where(ok, source.score[run][:, images], 0.0).sum(axis=1)
    counts = ok.sum(axis=1)
    means: np.ndarray = np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return means


def _tables(source: Source, design: Design, members: Sequence[Configuration], images: Sequence[int]) -> Iterator[Table]:
    cells = {a.index: {c.index: _cell(source, c, a, images) for c in members} for a in source.assessors}
    split = parts(design, members)
    top = {a.index: _best(cells[a.index].values(), a) if len(split) > 1 else None for a in source.assessors}
    for part in split:
        members = part.configurations
        runs = [run.index for c in members for run in c.runs]
        asked = [a for a in source.assessors if (source.status[np.ix_(runs, [a.index], images)] != NOT_RUN).any()]
        asked = asked or list(source.assessors)
        columns = [_column([cells[a.index][c.index] for c in members], a, top[a.index]) for a in asked]
        rows = (Row(c, tuple(column[i] for column in columns), _count(c)) for i, c in enumerate(members))
        yield Table(
            tuple(images), tuple(rows), part, tuple(asked), tuple(a for a in source.assessors if a not in asked)
        )


def _count(configuration: Configuration) -> str:
    ok, total = sum(run.ok for run in configuration.runs), len(configuration.runs)
    return str(ok) if ok == total else f"{ok} of {total}"


def _cell(source: Source, configuration: Configuration, assessor: Assessor, images: Sequence[int]) -> Cell:
    runs = [run.index for run in configuration.runs]
    status = source.status[np.ix_(runs, [assessor.index], images)][:, 0]
    means = [mean for run in runs if not math.isnan(mean := run_means(source, run, images)[assessor.index])]
    why = _why(source, runs, assessor, images)
    if not means:
        worst = next(kind for kind in (FAILED, NOT_APPLICABLE, NOT_RUN) if (status == kind).any() or kind == NOT_RUN)
        broken = worst == NOT_RUN and not any(run.ok for run in configuration.runs)
        return Cell("failed" if broken else _WORDS[worst], "", why, None, 0.0)
    value, finite = float(np.mean(means)), all(map(math.isfinite, means))
    std = float(np.std(means, ddof=1)) if len(means) > 1 and finite else math.nan
    scored = [row for row in status if (row == OK).any()]
    partial = any((row != OK).any() for row in scored)
    exact = f"{value:.6g}" + ("" if math.isnan(std) else f" ± {std:.2g}")
    title = f"{exact}; {_plural(len(means), 'run')} × {_plural(len(images), 'image')}{'; ' if why else ''}{why}"
    return Cell("", "", title, value, std, partial=partial)


def _why(source: Source, runs: Sequence[int], assessor: Assessor, images: Sequence[int]) -> str:
    found: Counter[str] = Counter()
    for run in runs:
        for image in images:
            status = int(source.status[run, assessor.index, image])
            if status != OK:
                reason = source.reason(run, assessor.index, image)
                found[_LONG[status] + (f": {reason}" if reason else "")] += 1
    return "; ".join(f"{text} ({_plural(count, 'score')})" for text, count in found.items())


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _best(cells: Iterable[Cell], assessor: Assessor) -> float | None:
    whole = [cell.value for cell in cells if cell.value is not None and not cell.partial]
    return (max if assessor.higher else min)(whole) if len(whole) > 1 else None


def _column(cells: Sequence[Cell], assessor: Assessor, top: float | None) -> list[Cell]:
    values = [cell.value for cell in cells if cell.value is not None]
    whole = [cell.value for cell in cells if cell.value is not None and not cell.partial]
    best = _best(cells, assessor)
    written = notation(values, [bound for bound in (best, top) if bound in whole])
    # What reads alike is marked alike: nobody could see why one of them should be the best.
    firsts, tops = ({written.text(bound)} if bound in whole else set() for bound in (best, top))
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)

    def finish(cell: Cell) -> Cell:
        if cell.value is None:
            return cell
        quality = _quality(cell.value, low, high, assessor.higher) if high > low else None
        text, spread = written.text(cell.value), "" if math.isnan(cell.std) else written.text(cell.std)
        is_best, leads = (text in found and not cell.partial for found in (firsts, tops))
        return replace(cell, text=text, spread=spread, quality=quality, best=is_best or leads, leads=leads)

    return [finish(cell) for cell in cells]


def _quality(value: float, low: float, high: float, higher: bool) -> float:
    place = min(max((value - low) / (high - low), 0.0), 1.0)
    return round(place if higher else 1 - place, 3)
