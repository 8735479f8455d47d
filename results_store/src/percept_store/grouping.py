"""Statistics of groups of cells, in one pass over the scores (flox)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from percept_store.cube.layout import OK
from percept_store.errors import QueryError
from percept_store.selection import codes, find_coordinate, plain

STATISTICS = {"mean": "nanmean", "std": "nanstd", "n": "count"}


@dataclass(frozen=True)
class Groups:
    """`labels`: the values of each factor; `members` (group, factor): which of them each observed group has.

    `values`: statistic → array (*rest, group).
    """

    factors: list[str]
    labels: list[np.ndarray]
    members: np.ndarray
    rest: list[str]
    values: dict[str, np.ndarray]


def masked(cube: xr.Dataset) -> xr.DataArray:
    """Scores, NaN wherever the status is not ok."""
    scores: xr.DataArray = cube["score"].where(cube["status"] == OK)
    return scores


def grouped(cube: xr.Dataset, by: Sequence[str], over: Sequence[str], statistics: Sequence[str]) -> Groups:
    """Statistics of the ok scores by factors; dimensions that neither a factor lies on nor `over` names remain.

    The standard deviation is the sample's (n − 1). Raises QueryError if a factor or dimension is unknown, or if scores
    of several assessors would be mixed: their units differ.
    """
    names = [find_coordinate(cube, name) for name in by]
    scores = masked(cube)
    reduced = _reduced(scores, [str(cube[name].dims[0]) for name in names], over)
    _refuse_mixtures(cube, names, reduced)
    rest = [str(dim) for dim in scores.dims if dim not in reduced]
    labels, cells = _codes(cube, names, reduced)
    observed, code = np.unique(cells, return_inverse=True)
    values = scores.transpose(*rest, *reduced).values
    members = np.stack(np.unravel_index(observed, [len(v) for v in labels]), axis=1) if names else np.zeros((1, 0), int)
    results = {name: _reduce(values, code.reshape(cells.shape), len(observed), name) for name in statistics}
    return Groups(names, labels, members, rest, results)


def dense(groups: Groups, cube: xr.Dataset, statistic: str) -> xr.DataArray:
    """One statistic as an array with a dimension a factor, then those that remain; NaN where there is no such group."""
    values = np.moveaxis(groups.values[statistic], -1, 0)
    result = np.full((*(len(label) for label in groups.labels), *values.shape[1:]), np.nan)
    result[tuple(groups.members.T)] = values if groups.factors else values[0]
    coords: dict[str, Any] = dict(zip(groups.factors, groups.labels, strict=True))
    kept = {str(n): c for n, c in cube.coords.items() if set(c.dims) <= set(groups.rest) and n not in coords}
    return xr.DataArray(result, dims=[*groups.factors, *groups.rest], coords={**coords, **kept}, name=statistic)


def frame(groups: Groups, cube: xr.Dataset) -> pd.DataFrame:
    """All statistics as a table: a line a group and combination of what remains, where there are scores."""
    count, shape = len(groups.members), [cube.sizes[dim] for dim in groups.rest]
    places = np.indices((count, *shape)).reshape(1 + len(shape), -1)
    columns: dict[str, Any] = {
        name: label[groups.members[places[0], index]]
        for index, (name, label) in enumerate(zip(groups.factors, groups.labels, strict=True))
    }
    columns |= {dim: plain(cube[dim])[place] for dim, place in zip(groups.rest, places[1:], strict=True)}
    columns |= {name: np.moveaxis(values, -1, 0).reshape(-1) for name, values in groups.values.items()}
    table = pd.DataFrame(columns)
    return table[table["n"] > 0].reset_index(drop=True)


def _reduced(scores: xr.DataArray, lies_on: list[str], over: Sequence[str]) -> list[str]:
    unknown = set(over) - {str(dim) for dim in scores.dims}
    if unknown:
        raise QueryError(
            f"over={sorted(unknown)[0]!r}: not a dimension of the scores; there is {', '.join(map(str, scores.dims))}"
        )
    return [str(dim) for dim in scores.dims if dim in {*lies_on, *over}]


def _refuse_mixtures(cube: xr.Dataset, names: list[str], reduced: list[str]) -> None:
    telling = {"assessor", "assessor_key"}
    if "assessor" in reduced and cube.sizes["assessor"] > 1 and not telling & set(names):
        raise QueryError("assessors have different units: add 'assessor' to `by`, or select one first")


def _codes(cube: xr.Dataset, names: list[str], reduced: list[str]) -> tuple[list[np.ndarray], np.ndarray]:
    """Values of each factor, and the number of the group of each cell along the `reduced` dimensions."""
    cells = np.zeros([1] * len(reduced), dtype=np.int64)
    labels = []
    for name in names:
        code, values = codes(cube[name])
        shape = [-1 if dim == cube[name].dims[0] else 1 for dim in reduced]
        cells = cells * len(values) + code.reshape(shape)
        labels.append(values)
    return labels, np.broadcast_to(cells, [cube.sizes[dim] for dim in reduced])


def _reduce(values: np.ndarray, codes: np.ndarray, groups: int, statistic: str) -> np.ndarray:
    import flox

    result: np.ndarray = flox.groupby_reduce(
        values,
        codes,
        func=STATISTICS[statistic],
        expected_groups=np.arange(groups),
        axis=tuple(range(values.ndim - codes.ndim, values.ndim)),
        finalize_kwargs={"ddof": 1} if statistic == "std" else None,
    )[0]
    return result
