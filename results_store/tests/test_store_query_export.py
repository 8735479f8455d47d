from __future__ import annotations

import builtins
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import percept_store
import pytest
import xarray as xr
from percept_store import QueryError, Store, StoreError


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory, samples: Any) -> xr.Dataset:
    store = Store(tmp_path_factory.mktemp("query") / "store")
    for number in range(4):
        store.ledger.put(
            samples.run(number, generator=("edsr", "swinir")[number % 2], flag=number > 1, seed=number // 2)
        )
        store.ledger.put(samples.assessment(number, status=[[1, 1, 1], [1, 3, 2]], reasons={"1,2": "flat"}))
    return percept_store.open_cube(store)


def test_without_factors_a_query_lists_cells(cube: xr.Dataset) -> None:
    table = percept_store.query(cube, where=["generator=edsr", "seed=0"], assessors=["ssim"])
    assert list(table.columns) == ["run", "generator", "seed", "flag", "assessor", "image", "status", "score"]
    assert table["status"].tolist() == ["ok", "not_applicable", "failed"]
    assert table["score"].isna().tolist() == [False, True, True]


def test_with_factors_a_query_lists_groups(cube: xr.Dataset) -> None:
    table = percept_store.query(cube, by=["generator"], assessors=["psnr"])
    assert list(table.columns) == ["generator", "assessor", "mean", "std", "n"]
    assert table["n"].tolist() == [6, 6]
    edsr = cube["score"].values[::2, 0]
    np.testing.assert_allclose(table["mean"][0], edsr.mean(), rtol=1e-12)
    np.testing.assert_allclose(table["std"][0], edsr.std(ddof=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("where", "cells"),
    [
        ([], 24),
        (["generator=edsr", "generator=swinir"], 24),
        (["flag=true"], 12),
        (["flag = false", "seed=0"], 12),
        (["flag=false", "seed=1"], 0),
        (["seed=1.0"], 12),
    ],
)
def test_conditions_on_one_factor_add_up_and_on_several_narrow(cube: xr.Dataset, where: list[str], cells: int) -> None:
    assert len(percept_store.query(cube, where=where)) == cells


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"where": ["generator"]}, "write factor=value"),
        ({"where": ["=edsr"]}, "write factor=value"),
        ({"where": ["generatr=edsr"]}, "did you mean generator"),
        ({"assessors": ["sim"]}, "did you mean ssim"),
        ({"by": ["generators"]}, "did you mean generator"),
    ],
)
def test_mistakes_are_named(cube: xr.Dataset, question: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        percept_store.query(cube, **question)


def test_csv_and_json_hold_the_cells(cube: xr.Dataset, tmp_path: Path) -> None:
    cells = cube.percept.cells()
    csv = pd.read_csv(percept_store.export(cube, tmp_path / "cells.csv"))
    np.testing.assert_array_equal(csv["score"].values, cells["score"].values)
    assert list(csv.columns) == list(cells.columns)
    json = pd.read_json(percept_store.export(cube, tmp_path / "cells.json"))
    np.testing.assert_allclose(json["score"].values, cells["score"].values, rtol=1e-14)
    assert {path.name for path in tmp_path.iterdir()} == {"cells.csv", "cells.json"}


def test_netcdf_holds_the_cube(cube: xr.Dataset, tmp_path: Path) -> None:
    part = cube.percept.where(seed=1)
    back = xr.open_dataset(percept_store.export(part, tmp_path / "cube.nc")).load()
    np.testing.assert_array_equal(back["score"].values, part["score"].values)
    assert back["generator"].values.tolist() == part["generator"].values.tolist()
    assert back.attrs["Conventions"] == "CF-1.12"


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_parquet_holds_the_cells(cube: xr.Dataset, tmp_path: Path) -> None:
    back = pd.read_parquet(percept_store.export(cube, tmp_path / "cells.parquet"))
    np.testing.assert_array_equal(back["score"].values, cube.percept.cells()["score"].values)


def test_a_missing_library_and_an_unknown_suffix_are_one_line(
    cube: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def without_pyarrow(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith(("pyarrow", "fastparquet")):
            raise ImportError(name)
        return original(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    for suffix, message in ((".parquet", "pip install pyarrow"), (".xlsx", "use .csv, .json, .parquet, .nc")):
        with pytest.raises(StoreError, match=message) as caught:
            percept_store.export(cube, tmp_path / f"cube{suffix}")
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_writing_where_one_cannot_is_one_line(cube: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cells\.csv"):
        percept_store.export(cube, tmp_path / "absent" / "cells.csv")
