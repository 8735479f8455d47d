"""The asymmetry of a metric's two lives: does a good assessor make a good objective?

The two lives are joined by the metric's name. Correlations are Spearman's over metrics, with Efron's percentile
interval over images: those that were optimised and those that were assessed are drawn anew, each by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from percept_store.errors import QueryError
from percept_store.studies.assessing import ladders, opinions
from percept_store.studies.lives import Life
from percept_store.studies.objectives import Objectives, objectives
from percept_store.studies.statistics import LEAST, interval, spearman

RESAMPLES = 1000


@dataclass(frozen=True)
class Correlation:
    """Between the life as an objective and one as an assessor: over `metrics` metrics, with its 95 % interval."""

    life: str
    spearman: float
    low: float
    high: float
    metrics: int


@dataclass(frozen=True)
class Asymmetry:
    """Both lives of every metric, and how they correlate.

    names         of the metrics, the best objective first
    columns       life → (metric,) values; `objective` first, then those as an assessor
    bounds        life → (2, metric): 95 % intervals over images
    distances     contest → (metric,): PSNR of what the metric brought back, dB
    correlations  one for each life as an assessor
    about         images and judges behind the numbers
    """

    names: tuple[str, ...]
    columns: dict[str, np.ndarray]
    bounds: dict[str, np.ndarray]
    distances: dict[str, np.ndarray]
    correlations: tuple[Correlation, ...]
    about: dict[str, Any]

    def rows(self) -> list[dict[str, Any]]:
        """A line a metric."""
        distances = {f"psnr, {label}" if label else "psnr": values for label, values in self.distances.items()}
        columns = {**self.columns, **distances}
        return [
            {"metric": name, **{column: float(values[place]) for column, values in columns.items()}}
            for place, name in enumerate(self.names)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        lines = [
            {**row, "intervals": {life: bounds[:, place].tolist() for life, bounds in self.bounds.items()}}
            for place, row in enumerate(self.rows())
        ]
        correlations = [vars(correlation) for correlation in self.correlations]
        return {"study": "asymmetry", "metrics": lines, "correlations": correlations, "about": self.about}


def asymmetry(cube: xr.Dataset, judges: Sequence[str] = (), resamples: int = RESAMPLES) -> Asymmetry:
    """Join both lives of the metrics in a cube. `judges`: the assessors that judge outputs; default: all.

    Raises QueryError if the cube has no contest of three fidelity losses, or no metric's life as an assessor.
    """
    optimised = objectives(cube, judges)
    if optimised is None:
        raise QueryError(
            "asymmetry: no three runs that differ in their single fidelity loss alone; percept recipe run recover"
        )
    assessed = {**ladders(cube), **opinions(cube)}
    if not assessed:
        raise QueryError("asymmetry: no scores on ladders or rated images; percept recipe run ladders")
    return _joined(optimised, assessed, resamples)


def _joined(optimised: Objectives, assessed: dict[str, Life], resamples: int) -> Asymmetry:
    lives = {"objective": optimised.life, **assessed}
    names = _in_order(lives)
    places = [optimised.life.names.index(n) if n in optimised.life.names else -1 for n in names]
    return Asymmetry(
        names,
        {key: life.at(names, life.total()) for key, life in lives.items()},
        {key: _bounds(life, names, resamples) for key, life in lives.items()},
        {key: np.array([v[p] if p >= 0 else np.nan for p in places]) for key, v in optimised.distances.items()},
        tuple(_correlation(key, optimised.life, life, resamples) for key, life in assessed.items()),
        {
            "judges": list(optimised.judges),
            "contests": {c.label: len(c.runs) for c in optimised.contests},
            "images": {key: len(life.images) for key, life in lives.items()},
            "resamples": resamples,
        },
    )


def _bounds(life: Life, names: Sequence[str], resamples: int) -> np.ndarray:
    return interval(lambda rng: life.at(names, life.redrawn(rng)), resamples)


def _in_order(lives: dict[str, Life]) -> tuple[str, ...]:
    life = lives["objective"]
    values = dict(zip(life.names, life.total(), strict=True))
    every = dict.fromkeys(name for life in lives.values() for name in life.names)
    return tuple(sorted(every, key=lambda name: (-values[name], name) if name in values else (1.0, name)))


def _correlation(key: str, optimised: Life, assessed: Life, resamples: int) -> Correlation:
    names = [name for name in optimised.names if name in assessed.names]
    pairs = [life.at(names, life.total()) for life in (optimised, assessed)]
    known = int(np.isfinite(pairs[0] + pairs[1]).sum())

    def draw(rng: np.random.Generator) -> np.ndarray:
        x, y = (life.at(names, life.redrawn(rng)) for life in (optimised, assessed))
        return spearman(x, y)

    low, high = interval(draw, resamples) if known >= LEAST else (float("nan"), float("nan"))
    return Correlation(key, float(spearman(*pairs)), float(low), float(high), known)
