"""Writing a whole cube from all rows, or more rows into a private copy of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from percept_store import __version__
from percept_store.cube.arrays import Arrays
from percept_store.cube.blocks import Axes, axis_columns, cell_columns, run_columns
from percept_store.cube.factors import texts
from percept_store.cube.facts import Row
from percept_store.cube.layout import CURVES, SCHEMA, Type, variables

_BLOCK = 256


def build(root: Path, rows: Sequence[Row], axes: Axes, factors: Mapping[str, Type]) -> None:
    """Write a new cube of these rows into the folder `root`, which must not exist."""
    arrays = Arrays.create(root)
    sizes = {"run": 0, "assessor": len(axes.assessors), "image": len(axes.images), "obs": 0, "curve": 0}
    arrays.group("curves", {"Conventions": "CF-1.12", "title": "Learning curves: a contiguous ragged array"})
    for variable in variables(factors):
        arrays.add(variable.name, variable, tuple(sizes[dim] for dim in variable.dims))
    for variable in CURVES:
        arrays.add(f"curves/{variable.name}", variable, (0,))
    for name, values in axis_columns(axes).items():
        arrays.write(name, np.arange(len(values)), values)
    write_rows(arrays, rows, {}, axes, factors)


def write_rows(
    arrays: Arrays, new: Sequence[Row], changed: Mapping[int, Row], axes: Axes, factors: Mapping[str, Type]
) -> None:
    """Append rows, write the cells of `changed` ones (index → row) anew, and finish the metadata."""
    start = arrays.length("run")
    for name, values in run_columns(new, factors).items():
        arrays.write(name, np.arange(start, start + len(new)), values)
    indices = np.array([*sorted(changed), *range(start, start + len(new))], dtype=np.intp)
    rows = [*(changed[index] for index in sorted(changed)), *new]
    for first in range(0, len(rows), _BLOCK):
        part = slice(first, first + _BLOCK)
        for name, values in cell_columns(rows[part], axes).items():
            arrays.write(name, indices[part], values)
    _write_curves(arrays, new)
    arrays.group("", _attributes(start + len(new)))
    arrays.close()


def _write_curves(arrays: Arrays, rows: Sequence[Row]) -> None:
    curves = [(row.key, series, step, value) for row in rows for series, (step, value) in row.curves.items()]
    if not curves:
        return
    keys, series, steps, values = zip(*curves, strict=True)
    columns: dict[str, np.ndarray] = {
        "row_size": np.array([len(step) for step in steps], dtype="i8"),
        "curve_run": texts(keys),
        "curve_series": texts(series),
        "step": np.concatenate(steps).astype("i8"),
        "value": np.concatenate(values).astype("f8"),
    }
    for name, column in columns.items():
        start = arrays.length(f"curves/{name}")
        arrays.write(f"curves/{name}", np.arange(start, start + len(column)), column)


def _attributes(runs: int) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "Conventions": "CF-1.12",
        "title": "Scores of restored images: runs × assessors × images",
        "source": f"percept-store {__version__}, built from the records of a ledger",
        "history": f"{now}: refreshed, {runs} runs",
        "comment": "A score means something only where status is ok. Provenance is in the ledger's records.",
        "percept_schema": SCHEMA,
    }
