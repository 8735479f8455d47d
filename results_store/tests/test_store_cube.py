from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from percept_store import Record, Store, StoreError, open_cube
from percept_store.cube.layout import SCHEMA


def loaded(store: Store) -> xr.Dataset:
    store.refresh()
    return open_cube(store).load()


def pointer(store: Store) -> Path:
    return Path(store.root) / "cube.zarr"


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    xr.testing.assert_identical(one.drop_attrs(deep=False), other.drop_attrs(deep=False))


def test_plain_xarray_opens_it_without_a_warning(store: Store, samples: Any) -> None:
    samples.fill(store, range(3))
    store.ledger.put(samples.run(9, generator=True, width=32, rate=0.5, note="ü"))
    store.refresh()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_zarr = xr.open_zarr(pointer(store), chunks=None).load()
        by_engine = xr.open_dataset(pointer(store), engine="zarr").load()
        curves = xr.open_dataset(pointer(store), engine="zarr", group="curves").load()
        tree = xr.open_datatree(pointer(store), engine="zarr")
    xr.testing.assert_identical(by_zarr, by_engine)
    same(by_zarr, open_cube(store).load())
    assert curves["row_size"].values.tolist() == [4, 4, 4, 4]
    assert tree.groups == ("/", "/curves")


def test_it_says_what_the_records_say(store: Store, samples: Any) -> None:
    status = [[1, 2, 3], [1, 0, 1]]
    score = np.arange(6.0).reshape(2, 3)
    image = samples.image("photos/cat", output="o.png", input="i.png")
    images = [image, "photos/cup", "photos/moon"]
    store.ledger.put(samples.run(1, seed=3))
    reasons = {"0,1": "flat", "0,2": "too small"}
    store.ledger.put(samples.assessment(1, score=score, status=status, images=images, reasons=reasons))
    cube = loaded(store)
    assert cube["score"].dims == ("run", "assessor", "image")
    np.testing.assert_array_equal(cube["status"].values[0], status)
    np.testing.assert_array_equal(cube["score"].values[0], np.where(np.array(status) == 1, score, np.nan))
    assert [str(cube[name].dtype) for name in ("score", "status")] == ["float64", "uint8"]
    assert cube["run"].values.tolist() == [samples.key(1)]
    assert cube["seed"].values.tolist() == [3]
    assert cube["assessor"].values.tolist() == ["psnr", "ssim"]
    assert cube["range_high"].values.tolist() == [np.inf, np.inf]
    assert cube["height"].values.tolist() == [48, 48, 48]
    assert cube["output"].values.tolist() == [["o.png", "", ""]]
    assert cube["input"].values.tolist() == [["i.png", "", ""]]
    assert cube["reference"].values[1] == samples.key("photos/cup") + ".png"
    told = json.loads(str(cube["cell_reasons"].values[0]))
    assert told == {"psnr": {"photos/cup": "flat", "photos/moon": "too small"}}


def test_attributes_follow_cf(store: Store, samples: Any) -> None:
    samples.fill(store, range(1))
    cube = loaded(store)
    assert cube.attrs["Conventions"] == "CF-1.12"
    assert cube.attrs["percept_schema"] == SCHEMA
    assert {"title", "history", "source"} <= cube.attrs.keys()
    status = cube["status"].attrs
    assert len(status["flag_values"]) == len(status["flag_meanings"].split()) == 4
    assert all("long_name" in variable.attrs for variable in cube.variables.values())
    assert cube.encoding["source"].endswith("v1.zarr")
    curves = xr.open_dataset(pointer(store), engine="zarr", group="curves")
    assert curves["row_size"].attrs["sample_dimension"] == "obs"


def test_runs_stand_in_order_of_creation(store: Store, samples: Any) -> None:
    for number, at in ((1, 30), (2, 10), (3, 20)):
        store.ledger.put(samples.run(number, at=at))
    assert loaded(store)["run"].values.tolist() == [samples.key(n) for n in (2, 3, 1)]


def test_runs_without_assessments_and_the_reverse(store: Store, samples: Any) -> None:
    store.ledger.put(samples.assessment(5))
    with pytest.raises(StoreError, match="no runs are stored here"):
        store.refresh()
    store.ledger.put(samples.run(1, points=0))
    assert loaded(store).sizes == {"run": 1, "assessor": 0, "image": 0}
    store.ledger.put(samples.run(5))
    cube = loaded(store)
    assert cube.sizes == {"run": 2, "assessor": 2, "image": 3}
    assert (cube["status"].values[1] == 1).all()


def test_a_store_that_is_not_there_is_an_error_and_stays_absent(tmp_path: Path) -> None:
    for ask in (lambda: open_cube(tmp_path / "none"), lambda: Store(tmp_path / "none").refresh()):
        with pytest.raises(StoreError, match="no such store"):
            ask()
    assert not (tmp_path / "none").exists()


def test_factor_columns_take_a_type_that_holds_every_value(store: Store, samples: Any) -> None:
    store.ledger.put(samples.run(1, whole=1, gaps=1, mixed=1, number=1, yes=True, maybe=True, huge=2**60))
    store.ledger.put(samples.run(2, whole=2, mixed="b", number=0.5, yes=False, huge=1, seed=...))
    cube = loaded(store)
    assert cube["whole"].dtype == "i8"
    np.testing.assert_array_equal(cube["gaps"].values, [1.0, np.nan])
    np.testing.assert_array_equal(cube["seed"].values, [1.0, np.nan])
    assert cube["mixed"].values.tolist() == ["1", "b"]
    assert cube["number"].values.tolist() == [1.0, 0.5]
    assert cube["yes"].values.tolist() == [True, False]
    assert cube["maybe"].values.tolist() == ["true", ""]
    assert cube["huge"].values.tolist() == [str(2**60), "1"]


def test_factors_cannot_shadow_the_cubes_own_names(store: Store, samples: Any) -> None:
    store.ledger.put(samples.run(1, dataset="div2k", score=3, **{"optimize/lr rate": 0.1}))
    store.ledger.put(samples.assessment(1))
    cube = loaded(store)
    assert cube["factor_dataset"].values.tolist() == ["div2k"]
    assert cube["factor_score"].values.tolist() == [3]
    assert cube["optimize.lr_rate"].values.tolist() == [0.1]
    assert cube["dataset"].dims == ("image",)


def test_memberships_add_factors_and_recipes_and_the_earliest_value_wins(store: Store, samples: Any) -> None:
    store.ledger.put(samples.run(1, at=10, weight=0.5))
    store.ledger.put(samples.membership(1, at=20, recipe="sweep", weight=0.7, depth=16))
    store.ledger.put(samples.membership(1, at=5, recipe="first", objective="wgan"))
    cube = loaded(store)
    assert (cube["weight"].item(), cube["depth"].item(), cube["objective"].item()) == (0.5, 16, "wgan")
    assert cube["recipes"].item() == "first, quickstart, sweep"
    assert cube["recipe"].item() == "quickstart"


def test_a_run_that_failed_first_and_then_went_well_is_ok(store: Store, samples: Any) -> None:
    store.ledger.put(samples.run(1, at=1, status="failed"))
    assert loaded(store)["run_status"].values.tolist() == ["failed"]
    store.ledger.put(samples.run(1, at=2))
    store.ledger.put(samples.run(1, at=3, status="failed"))
    cube = loaded(store)
    assert cube["run_status"].values.tolist() == ["ok"]
    assert cube["reason"].values.tolist() == [""]


def test_two_versions_under_one_label_stay_apart(store: Store, samples: Any) -> None:
    store.ledger.put(samples.run(1))
    for at, version, key in ((1, "1", "a"), (2, "1", "b"), (3, "2", "c"), (4, "3", "d")):
        assessor = samples.assessor("ssim", version, key=key)
        store.ledger.put(samples.assessment(1, at=at, assessors=[assessor], score=at))
    cube = loaded(store)
    assert cube["assessor"].values.tolist() == ["ssim@1@a", "ssim@1@b", "ssim@2", "ssim"]
    assert cube["score"].values[0, :, 0].tolist() == [1, 2, 3, 4]


def test_two_contents_under_one_image_id_stay_apart(store: Store, samples: Any) -> None:
    store.ledger.put(samples.run(1))
    store.ledger.put(samples.assessment(1, at=1, images=[samples.image("cat", "a")], score=1))
    assert loaded(store)["image"].values.tolist() == ["cat"]
    store.ledger.put(samples.assessment(1, at=2, images=[samples.image("cat", "b"), "cup"], score=2))
    cube = loaded(store)
    assert cube["image"].values.tolist() == [f"cat@{samples.key('a')[:8]}", f"cat@{samples.key('b')[:8]}", "cup"]
    assert cube["score"].values[0, 0].tolist() == [1, 2, 2]


def test_a_malformed_assessment_is_reported_and_the_rest_goes_on(store: Store, samples: Any) -> None:
    samples.fill(store, range(2))
    header = {**samples.assessment(1).header, "created": samples.time(9)}
    store.ledger.put(
        Record("assessment", samples.key(1), header, {"score": np.zeros((1, 1)), "status": np.ones((2, 3), "u1")})
    )
    store.ledger.put(Record("assessment", samples.key(0), {"created": samples.time(9)}))
    cube = loaded(store)
    assert (cube["status"].values == 1).all()
    assert len(store.ledger.damaged) == 2
    assert all("not of the form" in reason for _, reason in store.ledger.damaged)


def test_a_damaged_record_costs_only_itself(store: Store, samples: Any) -> None:
    samples.fill(store, range(4))
    victim = next(Path(store.root).glob("ledger/loose/*/*.run.*"))
    victim.write_bytes(victim.read_bytes()[:100])
    assert loaded(store).sizes["run"] == 3
    assert len(store.ledger.damaged) == 1
    before = pointer(store).readlink()
    store.refresh()
    assert pointer(store).readlink() == before


def test_learning_curves_are_a_contiguous_ragged_array(store: Store, samples: Any) -> None:
    for number, points in enumerate((3, 0, 5)):
        store.ledger.put(samples.run(number, points=points))
    store.refresh()
    store.ledger.put(samples.run(7, points=2))
    store.refresh()
    curves = xr.open_dataset(pointer(store), engine="zarr", group="curves").load()
    assert curves["row_size"].values.tolist() == [3, 0, 5, 2]
    assert curves["curve_run"].values.tolist() == [samples.key(n) for n in (0, 1, 2, 7)]
    assert set(curves["curve_series"].values.tolist()) == {"l1"}
    assert curves["step"].values.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0, 1]
    np.testing.assert_array_equal(curves["value"].values[-2:], samples.run(7, points=2).arrays["curve/l1/value"])


def test_a_cube_of_another_schema_is_built_anew(store: Store, samples: Any) -> None:
    samples.fill(store, range(2))
    store.refresh()
    attributes = Path(store.root) / "cubes" / "v1.zarr" / ".zattrs"
    attributes.write_text(json.dumps({**json.loads(attributes.read_text()), "percept_schema": 0}))
    assert open_cube(store.root).attrs["percept_schema"] == SCHEMA
    assert pointer(store).readlink().name == "v2.zarr"


@pytest.mark.parametrize("spoil", ["index", "cube"])
def test_a_damaged_cube_or_index_is_built_anew(store: Store, samples: Any, spoil: str) -> None:
    import shutil

    samples.fill(store, range(2))
    before = loaded(store)
    if spoil == "index":
        (Path(store.root) / "cubes" / "v1.index").write_bytes(b"half")
    else:
        shutil.rmtree(Path(store.root) / "cubes" / "v1.zarr")
    samples.fill(store, range(2, 3))
    after = loaded(Store(store.root))
    same(after.isel(run=slice(2)), before)
    assert after.sizes["run"] == 3


def test_a_folder_in_the_place_of_the_link_is_not_touched(store: Store, samples: Any) -> None:
    samples.fill(store, range(1))
    pointer(store).mkdir()
    with pytest.raises(StoreError, match="move it away"):
        store.refresh()
    assert pointer(store).is_dir()


def test_many_runs_assessors_and_images_cross_chunks(store: Store, samples: Any) -> None:
    assessors, images = [f"a{n}" for n in range(18)], [f"i{n:02d}" for n in range(70)]
    for number in range(260):
        store.ledger.put(samples.run(number, points=1))
    for number in (0, 255, 256, 259):
        store.ledger.put(samples.assessment(number, assessors=assessors, images=images))
    cube = loaded(store)
    store.ledger.put(samples.run(300, points=1))
    store.ledger.put(samples.assessment(300, assessors=assessors[::-1], images=images[::-1]))
    store.ledger.put(samples.assessment(7, at=9, assessors=assessors[3:], images=images[50:]))
    cube = loaded(store)
    for index, number in ((0, 0), (255, 255), (256, 256), (259, 259)):
        record = samples.assessment(number, assessors=assessors, images=images)
        np.testing.assert_array_equal(cube["score"].values[index], record.arrays["score"])
    last = samples.assessment(300, assessors=assessors[::-1], images=images[::-1]).arrays["score"]
    np.testing.assert_array_equal(cube["score"].values[260], last[::-1, ::-1])
    part = samples.assessment(7, at=9, assessors=assessors[3:], images=images[50:]).arrays["score"]
    np.testing.assert_array_equal(cube["score"].values[7, 3:, 50:], part)
    assert int((cube["status"].values == 1).sum()) == 5 * 18 * 70 + 15 * 20
    store.refresh(rebuild=True)
    same(open_cube(store).load(), cube)


def test_the_usual_xarray_idioms_work_on_a_cube(store: Store, samples: Any) -> None:
    samples.fill(store, range(4))
    store.refresh()
    cube = xr.open_zarr(Path(store.root) / "cube.zarr")
    assert list(cube.data_vars) == ["score", "status"]
    seed = int(cube["seed"].values[0])
    assert cube.where(cube["seed"] == seed, drop=True).sizes["run"] == cube.sel(run=cube["seed"] == seed).sizes["run"]
    assert (cube * 2).sizes == cube.sizes
    means = cube["score"].groupby("seed").mean(...)
    assert means.sizes == {"seed": len(set(cube["seed"].values.tolist()))}
    assert len(cube.to_dataframe()) == cube["score"].size
