"""From the sparse dimension `run` to a dense dimension for each factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from percept_store.cube.layout import FACTORS
from percept_store.errors import QueryError
from percept_store.selection import codes, find_factor, plain, varying


def unstack(cube: xr.Dataset, factors: Sequence[str]) -> xr.Dataset:
    """The cube with dimensions (*factors, assessor, image); without factors, those that vary.

    Combinations that no run has hold NaN, "" or not_run. Raises QueryError, naming what to add, if two runs share a
    combination.
    """
    names = [find_factor(cube, name) for name in factors] or varying(cube) or [FACTORS[0]]
    coded = [codes(cube[name]) for name in names]
    shape = [len(values) for _, values in coded]
    cells = np.ravel_multi_index([code for code, _ in coded], shape)
    _refuse_shared(cube, names, cells)
    at = np.full(int(np.prod(shape)), -1)
    at[cells] = np.arange(len(cells))
    labels = {name: values for name, (_, values) in zip(names, coded, strict=True)}
    return _spread(cube.drop_vars(names), at.reshape(shape), labels)


def _spread(cube: xr.Dataset, at: np.ndarray, labels: dict[str, np.ndarray]) -> xr.Dataset:
    """Every variable along `run` taken at these indices, −1 standing for no run."""
    variables: dict[Any, Any] = {name: (name, values) for name, values in labels.items()}
    for name, array in cube.variables.items():
        if "run" not in array.dims:
            variables[name] = array
            continue
        others = [dim for dim in array.dims if dim != "run"]
        values = _take(np.asarray(array.transpose("run", *others).values), at)
        variables["run_name" if name == "run" else name] = ((*labels, *others), values, array.attrs)
    coords = {*labels, "run_name", *(cube.coords.keys() - {"run"})}
    spread = xr.Dataset(variables, attrs=cube.attrs).set_coords(sorted(map(str, coords)))
    spread.encoding = dict(cube.encoding)
    return spread


def _take(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    taken: np.ndarray = values.astype(object)[at] if values.dtype.kind in "OTU" else values[at]
    gaps = at < 0
    if not gaps.any():
        return taken
    if taken.dtype.kind in "ib":
        taken = taken.astype("f8")
    taken[gaps] = {"f": np.nan, "O": "", "u": 0}[taken.dtype.kind]
    return taken


def _refuse_shared(cube: xr.Dataset, names: list[str], cells: np.ndarray) -> None:
    order = np.argsort(cells, kind="stable")
    repeated = np.flatnonzero(np.diff(cells[order]) == 0)
    if not len(repeated):
        return
    first, second = order[repeated], order[repeated + 1]
    differing = [n for n in varying(cube) if n not in names and _differs(cube[n], first, second)]
    runs = [str(run)[:12] for run in plain(cube["run"])[[first[0], second[0]]]]
    advice = (
        f"add {', '.join(differing)}" if differing else "they differ in no factor, so select some with where() first"
    )
    raise QueryError(f"{', '.join(names)} do not tell runs {runs[0]} and {runs[1]} apart: {advice}")


def _differs(array: xr.DataArray, first: np.ndarray, second: np.ndarray) -> bool:
    code, _ = codes(array)
    return bool((code[first] != code[second]).any())
