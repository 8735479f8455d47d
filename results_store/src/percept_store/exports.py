"""A cube as a file for other tools."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from percept_store.errors import StoreError, explained

if TYPE_CHECKING:
    import xarray as xr


def export(cube: xr.Dataset, path: str | Path) -> Path:
    """Write a cube, or a part of one, in the format that the suffix says; whole, or not at all. Returns the path.

    .csv, .json and .parquet hold a line a cell (run, factors, assessor, image, status, score); .nc holds the dataset.
    Raises StoreError for any other suffix, if a library that the format needs is missing, or if writing fails.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise StoreError(
            f"{path}: cannot export to {path.suffix or 'a file without suffix'}; use {', '.join(_WRITERS)}"
        )
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        with explained(path):
            writer(cube, temporary)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _csv(cube: xr.Dataset, path: Path) -> None:
    from percept_store import tables

    tables.cells(cube).to_csv(path, index=False)


def _json(cube: xr.Dataset, path: Path) -> None:
    from percept_store import tables

    tables.cells(cube).to_json(path, orient="records", indent=1, force_ascii=False, double_precision=15)


def _parquet(cube: xr.Dataset, path: Path) -> None:
    from percept_store import tables

    try:
        tables.cells(cube).to_parquet(path, index=False)
    except ImportError:
        raise StoreError(f"{path.name}: parquet needs pyarrow; pip install pyarrow, or export to .csv") from None


def _netcdf(cube: xr.Dataset, path: Path) -> None:
    from importlib.util import find_spec

    engine = next((name for module, name in _NETCDF.items() if find_spec(module)), None)
    if engine is None:
        raise StoreError(f"{path.name}: needs a netCDF library; pip install h5netcdf, or export to .csv")
    _with_object_strings(cube).to_netcdf(path, engine=engine)


def _with_object_strings(cube: xr.Dataset) -> xr.Dataset:
    """Without zarr's encoding, and with strings as the objects that netCDF libraries know."""
    plain = cube.load().drop_encoding().copy()
    for name, array in plain.variables.items():
        if array.dtype.kind == "T":
            plain[name] = (array.dims, array.values.astype(object), array.attrs)
    return plain


_NETCDF: dict[str, Literal["netcdf4", "h5netcdf", "scipy"]] = {
    "netCDF4": "netcdf4",
    "h5netcdf": "h5netcdf",
    "scipy": "scipy",
}
_WRITERS: dict[str, Callable[[xr.Dataset, Path], None]] = {
    ".csv": _csv,
    ".json": _json,
    ".parquet": _parquet,
    ".nc": _netcdf,
}
