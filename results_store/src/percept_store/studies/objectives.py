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
from percept_store.studies.statistics import LEAST, mean, shares

LOSS = "fidelity_loss"
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

    Raises QueryError if a judge is unknown.
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
    """Groups of at least three successful runs that differ in their single fidelity loss alone."""
    losses = texts(cube, LOSS)
    single = np.array([loss not in ("", "none") and not set("+*") & set(loss) for loss in losses], dtype=bool)
    places = np.flatnonzero(single & (texts(cube, "run_status") == "ok"))
    factors = [name for name in factor_names(cube) if name != LOSS and not _renames(cube, name, places)]
    columns = {name: texts(cube, name) for name in factors}
    varied = [name for name in factors if len(set(columns[name][places])) > 1]
    groups: dict[str, dict[str, int]] = {}
    for place in places:
        label = ", ".join(f"{name}={columns[name][place]}" for name in varied)
        groups.setdefault(label, {}).setdefault(losses[place], int(place))
    return [Contest(label, runs) for label, runs in groups.items() if len(runs) >= LEAST]


def _renames(cube: xr.Dataset, factor: str, places: np.ndarray) -> bool:
    """Whether a factor only says the loss again, as the axis of a matrix that goes through losses does."""
    pairs = set(zip(texts(cube, LOSS)[places], texts(cube, factor)[places], strict=True))
    return len(pairs) == len({loss for loss, _ in pairs}) and len({value for _, value in pairs}) > 1


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
