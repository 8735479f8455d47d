"""The life as an objective: what the images that a metric optimised are worth to all other metrics.

Runs that differ in nothing but the fidelity loss are a *contest*. In each contest, for each image, every judge ranks
the outputs; a metric neither judges its own outputs nor is ranked by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from percept_store.errors import QueryError
from percept_store.selection import factor_names
from percept_store.studies.lives import Life, by_means, signed, texts
from percept_store.studies.resolved import resolved_cells, without_loss
from percept_store.studies.statistics import LEAST, mean, shares

LOSS, RECIPE = "fidelity_loss", "recipe"
DISTANCE = "psnr"


@dataclass(frozen=True)
class Contest:
    """Runs that compete: `label` says what sets this contest apart, `runs` maps each loss to its run's place."""

    label: str
    runs: dict[str, int]


@dataclass(frozen=True)
class Objectives:
    """What losses are worth.

    life        the share of a contest's other outputs that are worse, 0 to 1, mean over judges and contests
    contests    what was compared
    judges      labels of the assessors that judged
    distances   contest → PSNR of each loss's outputs, (metric,) dB; empty where the cube has none
    """

    life: Life
    contests: tuple[Contest, ...]
    judges: tuple[str, ...]
    distances: dict[str, np.ndarray]


def objectives(cube: xr.Dataset, judges: Sequence[str] = ()) -> Objectives | None:
    """What the cube says of losses; None where no three single losses compete. `judges`: names, default all.

    Raises QueryError if a judge is unknown, or the records of runs cannot be read.
    """
    found = contests(cube)
    if not found:
        return None
    names = sorted({loss for contest in found for loss in contest.runs})
    chosen = _judges(cube, judges)
    scores = signed(cube)[:, chosen]
    assessors = texts(cube, "assessor_name")[chosen]
    tables = [_ranked(scores, assessors, contest, names) for contest in found]
    # (contest, judge) are one axis: every opinion has the same weight.
    values = mean(np.moveaxis(np.concatenate(tables, axis=1), 1, -1))
    seen = np.isfinite(values).any(axis=0)
    images = texts(cube, "image")[seen]
    return Objectives(
        by_means(names, images.tolist(), values[:, seen]),
        tuple(found),
        tuple(texts(cube, "assessor")[chosen]),
        _distances(cube, found, names),
    )


def contests(cube: xr.Dataset) -> list[Contest]:
    """Groups of at least three successful runs that differ in their single fidelity loss alone.

    That is what the cells say which their records hold (see `without_loss`), or factors where a record holds none. Of
    two runs of one loss in a group the newer competes. Of several groups that neither recipe nor factors tell apart, as
    after an edit of the recipe, there is only the one with the newest run. Raises QueryError as `resolved_cells` does.
    """
    losses = texts(cube, LOSS)
    single = np.array([loss not in ("", "none") and not set("+*") & set(loss) for loss in losses], dtype=bool)
    cells = resolved_cells(cube, np.flatnonzero(single & (texts(cube, "run_status") == "ok")))
    factors = _other_factors(cube, [*cells])
    groups: dict[str, dict[str, int]] = {}
    # Runs stand in order of creation, so that a newer one takes the place of an older one.
    for place, cell in cells.items():
        groups.setdefault(without_loss(cell) if cell else factors[place], {})[losses[place]] = place
    complete = sorted((runs for runs in groups.values() if len(runs) >= LEAST), key=lambda runs: max(runs.values()))
    newest = dict(zip(_labels(cube, complete), complete, strict=True))
    return [Contest(label, runs) for label, runs in newest.items()]


def _other_factors(cube: xr.Dataset, places: Sequence[int]) -> dict[int, str]:
    """All factors of each of these runs but the loss, and what only says the loss again, as the axis of a matrix."""
    losses = texts(cube, LOSS)[places]
    columns = {name: texts(cube, name)[places] for name in factor_names(cube) if name != LOSS}
    kept = {name: column for name, column in columns.items() if not _renames(losses, column)}
    return {place: repr([column[row] for column in kept.values()]) for row, place in enumerate(places)}


def _renames(losses: np.ndarray, column: np.ndarray) -> bool:
    pairs = set(zip(losses, column, strict=True))
    return len(pairs) == len(set(losses)) and len(set(column)) > 1


def _labels(cube: xr.Dataset, groups: Sequence[dict[str, int]]) -> list[str]:
    """`start=jpeg`: what the runs of a group have in common, and not all groups have."""
    columns = {name: texts(cube, name) for name in (RECIPE, *factor_names(cube))}
    values = [{name: set(column[[*runs.values()]]) for name, column in columns.items()} for runs in groups]
    varied = [name for name in columns if len(set().union(*(value[name] for value in values))) > 1]
    return [", ".join(f"{n}={next(iter(value[n]))}" for n in varied if len(value[n]) == 1) for value in values]


def _judges(cube: xr.Dataset, wanted: Sequence[str]) -> np.ndarray:
    names, labels = texts(cube, "assessor_name"), texts(cube, "assessor")
    for name in wanted:
        if name not in names and name not in labels:
            raise QueryError(f"judge {name!r}: no assessor of this cube; there is {', '.join(sorted(set(names)))}")
    if not wanted:
        return np.arange(len(names))
    return np.flatnonzero([n in wanted or label in wanted for n, label in zip(names, labels, strict=True)])


def _ranked(scores: np.ndarray, judges: np.ndarray, contest: Contest, names: Sequence[str]) -> np.ndarray:
    """(loss, judge, image): the share of the contest's other outputs that the judge finds worse."""
    table = np.full((len(names), *scores.shape[1:]), np.nan)
    for place, name in enumerate(names):
        if name in contest.runs:
            own = judges == name.partition("(")[0]
            table[place] = np.where(own[:, None], np.nan, scores[contest.runs[name]])
    return np.moveaxis(shares(np.moveaxis(table, 0, -1)), -1, 0)


def _distances(cube: xr.Dataset, found: Sequence[Contest], names: Sequence[str]) -> dict[str, np.ndarray]:
    psnr = np.flatnonzero(texts(cube, "assessor_name") == DISTANCE)
    if not psnr.size:
        return {}
    values = mean(signed(cube)[:, psnr[0]])
    return {c.label: np.array([values[c.runs[n]] if n in c.runs else np.nan for n in names]) for c in found}
