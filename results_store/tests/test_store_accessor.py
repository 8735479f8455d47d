from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from percept_store import QueryError, Store, open_cube, query
from percept_store.cube.layout import STATUS

GENERATORS, DISCRIMINATORS, SEEDS = ("edsr", "swinir"), ("none", "patch"), (0, 1, 2)


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory, samples: Any) -> xr.Dataset:
    """Eleven runs of a 2 × 2 × 3 sweep, the last of them failed; two assessors, three images of two data sets."""
    store = Store(tmp_path_factory.mktemp("accessor") / "store")
    images = ["photos/cat", "photos/cup", samples.image("rated/sky", dataset="rated")]
    sweep = [(g, d, s) for g in GENERATORS for d in DISCRIMINATORS for s in SEEDS][:-1]
    for number, (generator, discriminator, seed) in enumerate(sweep):
        status = "failed" if number == 10 else "ok"
        names = {"generator": generator, "discriminator": discriminator, "seed": seed}
        store.ledger.put(samples.run(number, status=status, **names))
        cells = np.ones((2, 3), "u1")
        cells[1, number % 3] = 2
        if status == "ok":
            reasons = {f"1,{number % 3}": "flat"}
            store.ledger.put(samples.assessment(number, images=images, status=cells, reasons=reasons))
    store.ledger.put(samples.membership(3, at=90, recipe="other"))
    return open_cube(store)


@pytest.fixture(scope="module")
def tidy(cube: xr.Dataset) -> pd.DataFrame:
    """The ok cells, made without the accessor."""
    frame = cube.load().to_dataframe().reset_index()
    return frame[frame["status"] == 1]


def test_factors_are_named(cube: xr.Dataset) -> None:
    assert cube.percept.factors == ["generator", "discriminator", "fidelity_loss", "seed"]


@pytest.mark.parametrize(
    ("wanted", "runs"),
    [
        ({"generator": "edsr"}, 6),
        ({"generator": "edsr", "seed": 0}, 2),
        ({"seed": [0, 1]}, 8),
        ({"seed": "2"}, 3),
        ({"run_status": "failed"}, 1),
        ({"recipe": "quickstart"}, 11),
        ({"recipe": "other"}, 1),
        ({"generator": "swinir", "discriminator": "patch", "seed": 1}, 1),
        ({}, 11),
    ],
)
def test_where_selects_runs(cube: xr.Dataset, wanted: dict[str, Any], runs: int) -> None:
    chosen = cube.percept.where(**wanted)
    assert chosen.sizes["run"] == runs
    assert len(chosen.percept.curves()) == 4 * runs


def test_an_assessor_goes_by_its_name_where_it_is_the_only_one(cube: xr.Dataset) -> None:
    labels = cube["assessor"].values.tolist()
    renamed = ["psnr(crop-border=4, 8-bit)" if label == "psnr" else label for label in labels]
    assert renamed != labels
    one = cube.assign_coords(assessor=("assessor", renamed))
    for name in ("psnr", "psnr(crop-border=4, 8-bit)"):
        assert query(one, assessors=[name])["assessor"].unique().tolist() == [renamed[labels.index("psnr")]]
    two = cube.assign_coords(assessor=("assessor", ["psnr(a=1)", "psnr(b=2)", *labels[2:]]))
    with pytest.raises(QueryError, match=r"assessor 'psnr': there is psnr\(a=1\), psnr\(b=2\); say which"):
        query(two, assessors=["psnr"])


def test_an_assessor_with_scores_goes_before_one_without(cube: xr.Dataset) -> None:
    labels = cube["assessor"].values.tolist()
    psnr, ssim = (cube.isel(assessor=[labels.index(name)]) for name in ("psnr", "ssim"))
    psnr["status"] = psnr["status"].where(psnr["generator"] == "edsr", 0)
    renamed = ssim.assign_coords(assessor=["psnr(a=1)"])
    both = xr.concat([psnr, renamed], "assessor", coords="minimal", compat="override")
    for generator, label in (("edsr", "psnr"), ("swinir", "psnr(a=1)")):
        assert query(both, [f"generator={generator}"], ["psnr"])["assessor"].unique().tolist() == [label]
    assert query(both.isel(run=slice(0, 0)), assessors=["psnr"]).empty
    assert both.isel(run=0).percept.scores("psnr").dims == ("image",)


def test_an_empty_value_is_named(cube: xr.Dataset) -> None:
    values = ["" if value == "none" else value for value in cube["discriminator"].values]
    with pytest.raises(QueryError, match=r"discriminator=x: not in this cube; there is '', patch$"):
        query(cube.assign_coords(discriminator=("run", values)), ["discriminator=x"])


def test_a_run_goes_by_the_beginning_of_its_key(cube: xr.Dataset) -> None:
    first, *others = cube["run"].values.tolist()
    assert not any(other.startswith(first[:12]) for other in others)
    for part in (first, first[:12]):
        assert cube.percept.where(run=part)["run"].values.tolist() == [first]
    shared = next(c for c in "0123456789abcdef" if sum(key.startswith(c) for key in (first, *others)) > 1)
    with pytest.raises(QueryError, match=f"run={shared}: begins several; there is {shared}"):
        cube.percept.where(run=shared)
    with pytest.raises(QueryError, match=f"run=none: not in this cube; there is {min(first, *others)[:12]}, "):
        cube.percept.where(run="none")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda p: p.where(generater="edsr"), "factor 'generater': not in this cube; did you mean generator?"),
        (lambda p: p.where(generator="swinr"), "generator=swinr: not in this cube; did you mean swinir?"),
        (lambda p: p.where(seed=7), "seed=7: not in this cube; there is 0, 1, 2"),
        (lambda p: p.where(seed="x"), "seed=x: not in this cube"),
        (lambda p: p.scores("ssmi"), "assessor 'ssmi': not in this cube; did you mean ssim?"),
        (lambda p: p.mean(by=["sed"]), "factor 'sed': not in this cube; did you mean seed?"),
        (lambda p: p.mean(by=["seed"], over=["images"]), "not a dimension"),
        (lambda p: p.mean(by=["seed"], over=["assessor"]), "different units"),
        (lambda p: p.unstack("generator", "seed"), "apart: add discriminator$"),
        (lambda p: p.unstack("generator"), "apart: add discriminator, seed$"),
        (lambda p: p.unstack("colour"), "factor 'colour': not in this cube"),
    ],
)
def test_errors_name_what_to_do_in_one_line(cube: xr.Dataset, ask: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        ask(cube.percept)
    assert "\n" not in str(caught.value)


def test_scores_mask_whatever_is_not_ok(cube: xr.Dataset) -> None:
    scores = cube.percept.scores("ssim")
    assert scores.dims == ("run", "image")
    status = cube["status"].sel(assessor="ssim").values
    np.testing.assert_array_equal(np.isnan(scores.values), status != 1)
    np.testing.assert_array_equal(cube.percept.scores("ssim@0.1.0").values, scores.values)


@pytest.mark.parametrize(
    "factors", [(), ("seed", "discriminator", "generator"), ("generator", "discriminator", "seed")]
)
def test_unstack_gives_the_dense_view(cube: xr.Dataset, factors: tuple[str, ...]) -> None:
    dense = cube.percept.unstack(*factors)
    assert dict(dense.sizes) == {"generator": 2, "discriminator": 2, "seed": 3, "assessor": 2, "image": 3}
    if factors:
        assert dense["score"].dims == (*factors, "assessor", "image")
    for index in range(cube.sizes["run"]):
        run = cube.isel(run=index)
        at = {name: run[name].item() for name in ("generator", "discriminator", "seed")}
        one = dense.sel(at)
        np.testing.assert_array_equal(one["score"].values, run["score"].values)
        np.testing.assert_array_equal(one["status"].values, run["status"].values)
        assert one["run_name"].item() == run["run"].item()
    absent = dense.sel(generator="swinir", discriminator="patch", seed=2)
    assert (absent["status"].values == 0).all()
    assert np.isnan(absent["score"].values).all()
    assert absent["run_name"].item() == ""
    assert dense["status"].dtype == "u1"


def test_unstack_says_when_no_factor_helps(store: Store, samples: Any) -> None:
    for number in range(2):
        store.ledger.put(samples.run(number, seed=0))
    with pytest.raises(QueryError, match=r"differ in no factor, so select some with where\(\)"):
        open_cube(store).percept.unstack("seed")


@pytest.mark.parametrize(
    "by", [["generator"], ["seed", "discriminator"], ["dataset"], ["generator", "dataset"], "seed"]
)
def test_means_are_those_of_pandas(cube: xr.Dataset, tidy: pd.DataFrame, by: list[str] | str) -> None:
    names = [by] if isinstance(by, str) else by
    means = cube.percept.mean(by=by, over=["run", "image"])
    assert means.dims == (*names, "assessor")
    expected = tidy.groupby([*names, "assessor"])["score"].mean()
    assert means.size == len(expected)
    for where, value in expected.items():
        np.testing.assert_allclose(means.sel(dict(zip(means.dims, where, strict=True))).item(), value, rtol=1e-12)


def test_mean_keeps_the_dimensions_that_are_not_averaged(cube: xr.Dataset, tidy: pd.DataFrame) -> None:
    means = cube.percept.mean(by=["generator"], over=())
    assert means.dims == ("generator", "assessor", "image")
    expected = tidy.groupby(["generator", "assessor", "image"])["score"].mean()
    np.testing.assert_allclose(means.sel(generator="edsr").values.ravel(), expected["edsr"].values, rtol=1e-12)


def test_groups_without_scores_are_nan_in_means_and_absent_in_tables(cube: xr.Dataset) -> None:
    failed = cube.percept.mean(by=["generator", "discriminator", "seed"]).sel(generator="swinir", discriminator="patch")
    assert np.isnan(failed.sel(seed=[1, 2]).values).all()
    assert len(cube.percept.table(by=["generator", "discriminator", "seed"])) == 10 * 2


def test_table_has_mean_std_and_n(cube: xr.Dataset, tidy: pd.DataFrame) -> None:
    table = cube.percept.table(by=["generator", "discriminator"]).set_index(["generator", "discriminator", "assessor"])
    expected = tidy.groupby(["generator", "discriminator", "assessor"])["score"].agg(["mean", "std", "count"])
    assert len(table) == len(expected)
    for where, line in expected.iterrows():
        np.testing.assert_allclose(table.loc[where, ["mean", "std", "n"]].astype(float), line.values, rtol=1e-10)


def test_table_without_factors_is_a_line_an_assessor(cube: xr.Dataset, tidy: pd.DataFrame) -> None:
    table = cube.percept.table()
    assert table["assessor"].tolist() == ["psnr", "ssim"]
    assert table["n"].tolist() == [30, 20]
    np.testing.assert_allclose(table["mean"][0], tidy[tidy["assessor"] == "psnr"]["score"].mean(), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_masked_group_means_of_any_small_cube(data: st.DataObject) -> None:
    runs, images = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    seeds = data.draw(st.lists(st.sampled_from([0.0, 1.0, float("nan")]), min_size=runs, max_size=runs))
    status = np.reshape(
        data.draw(st.lists(st.integers(0, 3), min_size=runs * images, max_size=runs * images)), (runs, 1, images)
    )
    score = np.random.default_rng(runs).random(status.shape)
    coords = {"run": list("abcde"[:runs]), "assessor": ["psnr"], "image": [*"wxyz"[:images]], "seed": ("run", seeds)}
    variables = {"score": (("run", "assessor", "image"), score), "status": (("run", "assessor", "image"), status)}
    means = xr.Dataset(variables, coords).percept.mean(by="seed")
    for index, seed in enumerate(means["seed"].values):
        same = np.isnan(seeds) if np.isnan(seed) else np.array(seeds) == seed
        chosen = score[same][status[same] == 1]
        expected = chosen.mean() if chosen.size else np.nan
        np.testing.assert_allclose(means.values[index, 0], expected, rtol=1e-12)


def test_failures_tell_runs_and_cells_with_reasons(cube: xr.Dataset) -> None:
    failures = cube.percept.failures()
    assert len(failures) == 11
    run = failures[failures["assessor"] == ""]
    assert run["reason"].tolist() == ["diverged"]
    assert set(failures["reason"][1:]) == {"flat"}
    assert set(failures["assessor"][1:]) == {"ssim"}
    assert list(failures.columns[:5]) == ["run", "generator", "discriminator", "fidelity_loss", "seed"]


def test_cells_are_tidy(cube: xr.Dataset) -> None:
    cells = cube.percept.cells()
    assert len(cells) == 60
    assert set(cells["status"]) == {STATUS[1], STATUS[2]}
    assert cells["score"].isna().sum() == 10


def test_curves_are_tidy_and_know_their_runs(cube: xr.Dataset, samples: Any) -> None:
    curves = cube.percept.curves()
    assert list(curves.columns) == ["run", "series", "step", "value"]
    one = curves[curves["run"] == samples.key(4)]
    np.testing.assert_array_equal(one["value"], samples.run(4).arrays["curve/l1/value"])
    assert len(cube.percept.unstack().percept.curves()) == len(curves)


def test_curves_of_a_version_that_is_gone_or_of_no_file_are_an_error(store: Store, samples: Any) -> None:
    samples.fill(store, range(1))
    old = open_cube(store)
    for number in (1, 2):
        samples.fill(store, range(number, number + 1))
        store.refresh()
    assert not Path(old.encoding["source"]).exists()
    with pytest.raises(QueryError, match="open it again"):
        old.percept.curves()
    with pytest.raises(QueryError, match="open_cube"):
        xr.Dataset().percept.curves()
