"""Cells, failures and learning curves as tidy pandas tables."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from percept_store.cube.factors import texts
from percept_store.cube.layout import FAILED, OK, STATUS
from percept_store.errors import QueryError
from percept_store.selection import factor_names, plain


def runs(cube: xr.Dataset) -> pd.DataFrame:
    """A line a run: run, recipe, factors, status, reason, seconds, created."""
    names = {"run": "run", "recipe": "recipe", **{name: name for name in factor_names(cube)}}
    names |= {"status": "run_status", "reason": "reason", "seconds": "seconds", "created": "created"}
    return pd.DataFrame({title: plain(cube[name]) for title, name in names.items()})


def cells(cube: xr.Dataset, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A line a cell that is not `not_run`: run, factors (or the given columns), assessor, image, status, score."""
    status = cube["status"].transpose("run", "assessor", "image").values
    run, assessor, image = np.nonzero(status)
    names = factor_names(cube) if columns is None else columns
    told = status[run, assessor, image]
    score = cube["score"].transpose("run", "assessor", "image").values[run, assessor, image]
    return pd.DataFrame(
        {
            "run": plain(cube["run"])[run],
            **{name: plain(cube[name])[run] for name in names},
            "assessor": plain(cube["assessor"])[assessor],
            "image": plain(cube["image"])[image],
            "status": np.array(STATUS, dtype=object)[told],
            "score": np.where(told == OK, score, np.nan),
        }
    )


def failures(cube: xr.Dataset) -> pd.DataFrame:
    """A line a failed run (assessor and image empty) and a failed cell: run, factors, assessor, image, reason."""
    failed = np.flatnonzero(plain(cube["run_status"]) != "ok")
    run, assessor, image = np.nonzero(cube["status"].transpose("run", "assessor", "image").values == FAILED)
    labels = plain(cube["assessor"])[assessor], plain(cube["image"])[image]
    told = {index: json.loads(text) for index, text in enumerate(plain(cube["cell_reasons"])) if text}
    reasons = [told.get(r, {}).get(a, {}).get(i, "") for r, a, i in zip(run.tolist(), *labels, strict=True)]
    where = np.concatenate([failed, run])
    empty = [""] * len(failed)
    return pd.DataFrame(
        {
            "run": plain(cube["run"])[where],
            **{name: plain(cube[name])[where] for name in factor_names(cube)},
            "assessor": texts([*empty, *labels[0]]),
            "image": texts([*empty, *labels[1]]),
            "reason": texts([*plain(cube["reason"])[failed], *reasons]),
        }
    )


def curves(cube: xr.Dataset) -> pd.DataFrame:
    """A line a point of the learning curves of the cube's runs: run, series, step, value.

    Raises QueryError if the dataset was not opened from a store, or if that version of the cube is gone.
    """
    source = cube.encoding.get("source")
    if not source:
        raise QueryError("curves: this dataset does not know its file; open it with percept_store.open_cube")
    try:
        group = xr.open_dataset(source, engine="zarr", group="curves", chunks=None, consolidated=True)
    except FileNotFoundError:
        raise QueryError(f"{source}: this version of the cube has been replaced; open it again") from None
    size = group["row_size"].values
    table = pd.DataFrame(
        {
            "run": np.repeat(plain(group["curve_run"]), size),
            "series": np.repeat(plain(group["curve_series"]), size),
            "step": group["step"].values,
            "value": group["value"].values,
        }
    )
    name = "run" if "run" in cube.coords else "run_name"
    return table[table["run"].isin(plain(cube[name]).reshape(-1))].reset_index(drop=True)
