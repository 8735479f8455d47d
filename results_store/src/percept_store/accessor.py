"""`cube.percept`: the questions that people ask of a cube. Importing this module registers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import xarray as xr

from percept_store import grouping, selection, tables, unstacking


@xr.register_dataset_accessor("percept")  # type: ignore[no-untyped-call]  # xarray leaves this one untyped
class PerceptAccessor:
    """Works on a cube and on any part of it that keeps its dimensions (run, assessor, image).

    Wherever a name is unknown, a QueryError gives the nearest ones.
    """

    def __init__(self, cube: xr.Dataset) -> None:
        self._cube = cube

    @property
    def factors(self) -> list[str]:
        """The coordinates along `run` that are factors: generator, discriminator, fidelity_loss, seed, other axes."""
        return selection.factor_names(self._cube)

    def where(self, **factors: Any) -> xr.Dataset:
        """The runs with these values of factors, of `recipe` (any that contains the run), `run_status` or `run`.

        A list stands for any of its values. Raises QueryError for a factor, or a value, that the cube does not have.
        """
        return selection.select_runs(self._cube, factors)

    def scores(self, name: str) -> xr.DataArray:
        """Scores of one assessor, by label or key, (run, image); NaN wherever the status is not ok."""
        return grouping.masked(self._cube).isel(assessor=selection.find_assessor(self._cube, name)).rename(name)

    def unstack(self, *factors: str) -> xr.Dataset:
        """Dense view with a dimension for each factor in the place of `run`; without factors, for each that varies.

        Combinations that no run has hold NaN, "" or not_run; the runs' names are in `run_name`. Raises QueryError,
        naming what to add, if the factors do not tell all runs apart.
        """
        return unstacking.unstack(self._cube, factors)

    def mean(self, by: Sequence[str], over: Sequence[str] = ("image",)) -> xr.DataArray:
        """Means of the ok scores by factors (or other coordinates), a dimension each; and over the dimensions `over`.

        Every cell has the same weight. The assessors stay apart. NaN where a group has no score.
        """
        by, over = _names(by), _names(over)
        return grouping.dense(grouping.grouped(self._cube, by, over, ["mean"]), self._cube, "mean")

    def table(self, by: Sequence[str] = (), over: Sequence[str] = ("run", "image")) -> pd.DataFrame:
        """A line a group and assessor: mean, sample standard deviation (NaN for one score) and number of ok scores."""
        groups = grouping.grouped(self._cube, _names(by), _names(over), list(grouping.STATISTICS))
        return grouping.frame(groups, self._cube)

    def runs(self) -> pd.DataFrame:
        """A line a run: run, recipe, factors, status, reason, seconds of training, when it was made."""
        return tables.runs(self._cube)

    def cells(self) -> pd.DataFrame:
        """A line a cell that is not `not_run`: run, factors, assessor, image, status, score."""
        return tables.cells(self._cube)

    def failures(self) -> pd.DataFrame:
        """A line a failed run (assessor and image empty) or failed cell: run, factors, assessor, image, reason."""
        return tables.failures(self._cube)

    def curves(self) -> pd.DataFrame:
        """A line a point of the runs' learning curves: run, series, step, value."""
        return tables.curves(self._cube)


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
