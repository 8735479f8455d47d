"""What studies of a metric's two lives work on: how good each metric is at something, on any choice of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from percept_store.cube.layout import OK
from percept_store.selection import plain
from percept_store.studies.statistics import mean


@dataclass(frozen=True)
class Life:
    """How good each metric is at one thing; higher is better, NaN where nothing is known.

    names    of the metrics
    images   that this was found on
    of       indices of images, repeated as one likes → (metric,): what these images say together
    """

    names: tuple[str, ...]
    images: tuple[str, ...]
    of: Callable[[np.ndarray], np.ndarray]

    def total(self) -> np.ndarray:
        """(metric,): what all images say."""
        return self.of(np.arange(len(self.images)))

    def redrawn(self, rng: np.random.Generator) -> np.ndarray:
        """(metric,): what as many images say, drawn with replacement."""
        return self.of(rng.integers(len(self.images), size=len(self.images)))

    def at(self, names: Sequence[str], values: np.ndarray) -> np.ndarray:
        """`values` (metric,) in the order of `names`; NaN for metrics that this life does not have."""
        places = {name: place for place, name in enumerate(self.names)}
        return np.array([values[places[name]] if name in places else np.nan for name in names])


def by_means(names: Sequence[str], images: Sequence[str], values: np.ndarray) -> Life:
    """A life whose images say a value each, (metric, image), and together their mean."""
    return Life(tuple(names), tuple(images), lambda chosen: mean(values[:, chosen]))


def signed(cube: xr.Dataset) -> np.ndarray:
    """(run, assessor, image): scores turned so that higher is better, NaN wherever the status is not ok."""
    scores = cube["score"].where(cube["status"] == OK).transpose("run", "assessor", "image").values
    sign = np.where(texts(cube, "direction") == "lower", -1.0, 1.0)
    turned: np.ndarray = scores * sign[:, None]
    return turned


def metrics(cube: xr.Dataset) -> np.ndarray:
    """What each assessor is joined by: the metric's name, or the label where several assessors have that name."""
    names, labels = texts(cube, "assessor_name"), texts(cube, "assessor")
    alone = [int((names == name).sum()) == 1 for name in names]
    return np.where(alone, names, labels)


def texts(cube: xr.Dataset, name: str) -> np.ndarray:
    """A coordinate as an array of text, whatever its type; whole numbers without a decimal point."""
    return np.array([_text(value) for value in plain(cube[name])], dtype=object)


def numbers(values: np.ndarray) -> np.ndarray:
    """Text as numbers, NaN where it is none."""
    return np.array([_number(value) for value in values])


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:g}"
    return str(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
