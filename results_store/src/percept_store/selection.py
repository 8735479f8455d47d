"""Finding things in a cube by what people call them, and saying what there is where a name is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from percept_store.cube.factors import column
from percept_store.cube.layout import RUN_COORDINATES, TEXTS
from percept_store.errors import QueryError

_NOT_FACTORS = frozenset(variable.name for variable in (*RUN_COORDINATES, *TEXTS))
_SHOWN = 8
KEY = 12  # characters of a run's key that tables show


def factor_names(cube: xr.Dataset) -> list[str]:
    """The coordinates along `run` that are factors."""
    return [str(name) for name, c in cube.coords.items() if c.dims == ("run",) and name not in _NOT_FACTORS]


def varying(cube: xr.Dataset) -> list[str]:
    """The factors that have more than one value."""
    return [name for name in factor_names(cube) if len(np.unique(codes(cube[name])[0])) > 1]


def plain(array: xr.DataArray) -> np.ndarray:
    """Values as numpy has them, strings as an object array."""
    values = np.asarray(array.values)
    if values.dtype.kind in "OTU":
        return values.astype(object)
    return values


def codes(array: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """(number of each element's value, the values in order); NaN is a value like any other."""
    code, values = pd.factorize(plain(array), sort=True, use_na_sentinel=False)
    return code, np.asarray(values)


def find_factor(cube: xr.Dataset, name: str) -> str:
    """The coordinate along `run` that a factor goes by. Raises QueryError, with the nearest names, if there is none."""
    known = [str(c) for c, values in cube.coords.items() if values.dims == ("run",)]
    for candidate in (name, column(name)):
        if candidate in known:
            return candidate
    raise QueryError(f"factor {name!r}: {_nearest(name, known)}")


def find_coordinate(cube: xr.Dataset, name: str) -> str:
    """A coordinate along one dimension of the scores. Raises QueryError, with the nearest names, if there is none."""
    known = [
        str(c) for c, values in cube.coords.items() if len(values.dims) == 1 and values.dims[0] in cube["score"].dims
    ]
    for candidate in (name, column(name)):
        if candidate in known:
            return candidate
    raise QueryError(f"factor {name!r}: {_nearest(name, known)}")


def find_assessor(cube: xr.Dataset, name: str) -> int:
    """Index of the assessor of that label or key, or of the only one of that name: `psnr` for `psnr(crop-border=4)`.

    One that has scores in the cube as it is goes before those that have none. Raises QueryError, with the nearest
    labels, if there is none, or with all of them if there are several.
    """
    labels, status = plain(cube["assessor"]), cube["status"]
    scored = (status != 0).any([d for d in status.dims if d != "assessor"]).values
    same_name = np.array([label.partition("(")[0] == name for label in labels], dtype=bool)
    ways = (labels == name, plain(cube["assessor_key"]) == name, same_name)
    for matching in (*(way & scored for way in ways), *ways):
        found = np.flatnonzero(matching)
        if len(found) > 1:
            raise QueryError(f"assessor {name!r}: there is {_listed(labels[found].tolist())}; say which")
        if len(found):
            return int(found[0])
    raise QueryError(f"assessor {name!r}: {_nearest(name, labels.tolist())}")


def select_runs(cube: xr.Dataset, wanted: Mapping[str, Any]) -> xr.Dataset:
    """The runs whose factors have the wanted values, a list for any of its values; `run` may be a key's beginning."""
    chosen = np.ones(cube.sizes["run"], dtype=bool)
    for name, value in wanted.items():
        values = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
        chosen &= np.logical_or.reduce([_matches(cube, find_factor(cube, name), v) for v in values])
    return cube.isel(run=np.flatnonzero(chosen))


def _matches(cube: xr.Dataset, name: str, value: Any) -> np.ndarray:
    held = plain(cube[name])
    if name == "run":
        return _begins(held, str(value))
    if name == "recipe":
        found = np.array([str(value) in recipes.split(", ") for recipes in plain(cube["recipes"])], dtype=bool)
    else:
        found = held == _as_held(held, value)
    if not found.any() and len(held):
        raise QueryError(f"{name}={value}: {_nearest(str(value), map(_word, dict.fromkeys(held.tolist())))}")
    return np.asarray(found, dtype=bool)


def _begins(keys: np.ndarray, beginning: str) -> np.ndarray:
    """The run of that key, or of the only key that begins so; tables show twelve characters."""
    found = np.array([beginning != "" and key.startswith(beginning) for key in keys], dtype=bool)
    if found.sum() == 1 or not len(keys):
        return found
    known = keys[found] if found.any() else keys
    which = "begins several" if found.any() else "not in this cube"
    raise QueryError(f"run={beginning}: {which}; there is {_listed(sorted(key[:KEY] for key in known))}")


def _as_held(held: np.ndarray, value: Any) -> Any:
    if held.dtype.kind == "b":
        return {"true": True, "false": False}.get(str(value).lower())
    if held.dtype == object:
        return _word(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"not in this cube; did you mean {' or '.join(close)}?"
    return f"not in this cube; there is {_listed(names)}" if names else "not in this cube, which is empty"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name or "''" for name in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
