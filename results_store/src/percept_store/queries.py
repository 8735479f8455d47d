"""The small language of `percept cube query`: `factor=value` conditions, assessors, and factors to group by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from percept_store.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def query(
    cube: xr.Dataset, where: Sequence[str] = (), assessors: Sequence[str] = (), by: Sequence[str] = ()
) -> pd.DataFrame:
    """What a cube says, as a table.

    where      `factor=value`; all factors must match, and of one factor given several times any value
    assessors  labels or keys; none means all
    by         factors to group by: a line a group and assessor with mean, std and n. Without any, a line a cell

    Raises QueryError if a condition is not of that form, or names what the cube does not have.
    """
    from percept_store import selection, tables
    from percept_store.accessor import PerceptAccessor

    chosen = selection.select_runs(cube, _conditions(where))
    if assessors:
        places = dict.fromkeys(selection.find_assessor(chosen, name) for name in assessors)
        chosen = chosen.isel(assessor=list(places))
    if by:
        return PerceptAccessor(chosen).table(by)
    return tables.cells(chosen, selection.varying(cube))


def _conditions(where: Sequence[str]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals or not name.strip():
            raise QueryError(f"condition {condition!r}: write factor=value, as in generator=edsr")
        wanted.setdefault(name.strip(), []).append(value.strip())
    return wanted
