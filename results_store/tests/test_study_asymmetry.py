from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from percept_store import QueryError, Store, open_cube
from percept_store.studies.assessing import ladders, opinions
from percept_store.studies.asymmetry import asymmetry
from percept_store.studies.objectives import contests, objectives
from percept_store.studies.resolved import without_loss
from percept_store.studies.statistics import interval, ranks, shares, spearman
from scipy.stats import rankdata, spearmanr

IMAGES = ("photos/cat", "photos/cup", "photos/moon")
JUDGES = ("psnr", "ssim", "gmsd", "niqe")


@pytest.fixture
def store(tmp_path: Any) -> Store:
    return Store(tmp_path / "store")


def assessors(samples: Any) -> list[Any]:
    return [samples.assessor(name, direction="lower" if name in ("gmsd", "niqe") else "higher") for name in JUDGES]


def compete(store: Store, samples: Any, scores: dict[str, list[float]], first: int = 0, **factors: Any) -> None:
    """A run a loss, `scores` giving each judge's score on every image."""
    for number, (loss, values) in enumerate(scores.items(), start=first):
        store.ledger.put(samples.run(number, fidelity_loss=loss, **{"seed": 0, "generator": "pixels", **factors}))
        table = np.repeat(np.array(values, dtype=float)[:, None], len(IMAGES), axis=1)
        store.ledger.put(samples.assessment(number, assessors=assessors(samples), images=IMAGES, score=table))


def climb(store: Store, samples: Any, score: Any, first: int = 100) -> None:
    """Two ladders of three levels; `score(distortion, level, judge)`."""
    for number, (kind, level) in enumerate([(k, v) for k in ("noise", "blur") for v in (1, 2, 3)], start=first):
        factors = {"fidelity_loss": "", "generator": "identity", "seed": 0, "distortion": kind, "level": level}
        store.ledger.put(samples.run(number, **factors))
        table = [[score(kind, level, judge)] * len(IMAGES) for judge in JUDGES]
        store.ledger.put(samples.assessment(number, assessors=assessors(samples), images=IMAGES, score=np.array(table)))


def cube_of(store: Store) -> Any:
    store.refresh()
    return open_cube(store.root)


FIELD = {
    #        psnr, ssim, gmsd, niqe
    "l2": [40, 0.90, 0.10, 5],
    "ssim": [30, 0.99, 0.20, 6],
    "gmsd": [20, 0.50, 0.01, 9],
}


def test_each_loss_is_worth_the_outputs_that_other_metrics_find_worse(store: Store, samples: Any) -> None:
    compete(store, samples, FIELD)
    found = objectives(cube_of(store))
    assert found is not None
    worth = dict(zip(found.life.names, found.life.total(), strict=True))
    # psnr and niqe rank l2, ssim, gmsd; ssim ranks l2 before gmsd, gmsd ranks l2 before ssim.
    assert worth["l2"] == pytest.approx(1.0)
    assert worth["ssim"] == pytest.approx((0.5 + 0.5 + 0.0) / 3)
    assert worth["gmsd"] == pytest.approx(0.0)
    assert found.distances[""].tolist() == [20, 40, 30]  # gmsd, l2, ssim


def test_a_metric_has_no_say_on_its_own_outputs(store: Store, samples: Any) -> None:
    changed = {loss: list(values) for loss, values in FIELD.items()}
    compete(store, samples, FIELD, start="jpeg")
    changed["gmsd"][2] = 0.9  # its own opinion of itself could not be worse
    compete(store, samples, changed, first=10, start="blur")
    cube = cube_of(store)
    first, second = (objectives(cube.percept.where(start=start)) for start in ("jpeg", "blur"))
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first.life.total(), second.life.total())


def test_runs_that_differ_in_something_else_do_not_compete(store: Store, samples: Any) -> None:
    compete(store, samples, FIELD, start="jpeg", metric="same")
    compete(store, samples, FIELD, first=10, start="blur", metric="same")
    assert [(c.label, len(c.runs)) for c in contests(cube_of(store))] == [("start=jpeg", 3), ("start=blur", 3)]


def test_an_axis_that_repeats_the_loss_sets_nothing_apart(store: Store, samples: Any) -> None:
    for number, loss in enumerate(FIELD):
        compete(store, samples, {loss: FIELD[loss]}, first=number, metric=loss)
    assert [(c.label, len(c.runs)) for c in contests(cube_of(store))] == [("", 3)]


def cell_of(loss: str, *, steps: int = 200, **changed: Any) -> dict[str, Any]:
    """A cell as records hold it, of a run of `pixels`."""
    jpeg = {"use": "jpeg", "parameters": {"quality": 10}, "label": "start"}
    photos = {"use": "photos", "parameters": {"crop": 64}, "label": None}
    return {
        "generator": {"use": "pixels", "parameters": {}, "label": None, "init": None},
        "data": {"train": None, "validate": None, "test": photos, "degrade": [jpeg]},
        "optimize": {"steps": steps, "fidelity": [{"use": loss, "weight": 1.0}], "quality": [], "log-every": 10},
        "assess": {"with": ["psnr"]},
        "runtime": {"precision": "float32", "threads": 0},
        "seed": 0,
        **changed,
    }


def compete_anew(
    store: Store, samples: Any, first: int, losses: Any = FIELD, recipe: str = "recover", **changed: Any
) -> None:
    """A run a loss, of which factors say the loss alone."""
    for number, loss in enumerate(losses, start=first):
        factors = {"fidelity_loss": loss, "seed": 0, "generator": "pixels", "metric": loss}
        store.ledger.put(samples.run(number, recipe=recipe, cell=cell_of(loss, **changed), **factors))
        table = np.repeat(np.array(FIELD[loss], dtype=float)[:, None], len(IMAGES), axis=1)
        store.ledger.put(samples.assessment(number, assessors=assessors(samples), images=IMAGES, score=table))


def numbers_of(store: Store, samples: Any) -> list[tuple[str, list[int]]]:
    """Each contest's label, and the numbers that its runs were made by."""
    cube = cube_of(store)
    made = {samples.key(number): number for number in range(100)}
    return [(c.label, sorted(made[str(cube["run"].values[p])] for p in c.runs.values())) for c in contests(cube)]


def test_after_an_edit_of_the_recipe_the_new_runs_compete(store: Store, samples: Any) -> None:
    compete_anew(store, samples, 0)
    compete_anew(store, samples, 10, steps=50)
    assert numbers_of(store, samples) == [("", [10, 11, 12])]


def test_old_and_new_runs_of_an_edited_recipe_are_not_mixed(store: Store, samples: Any) -> None:
    compete_anew(store, samples, 0, losses=["l2", "ssim"])
    compete_anew(store, samples, 10, losses=["gmsd"], steps=50)
    assert numbers_of(store, samples) == []
    compete_anew(store, samples, 20, losses=["gmsd"])
    assert numbers_of(store, samples) == [("", [0, 1, 20])]
    compete_anew(store, samples, 30, losses=["l2"], steps=50)
    assert numbers_of(store, samples) == [("", [0, 1, 20])], "two new ones are no contest yet"


def test_of_two_runs_that_differ_in_versions_alone_the_newer_competes(store: Store, samples: Any) -> None:
    compete_anew(store, samples, 0)
    compete_anew(store, samples, 10, losses=["ssim"])
    assert numbers_of(store, samples) == [("", [0, 2, 10])]


def test_what_no_factor_says_sets_contests_of_two_recipes_apart(store: Store, samples: Any) -> None:
    blur = {"use": "gaussian-blur", "parameters": {"sigma": 2.0}, "label": "start"}
    compete_anew(store, samples, 0, recipe="from-jpeg")
    compete_anew(store, samples, 10, recipe="from-blur", data={**cell_of("l2")["data"], "degrade": [blur]})
    assert numbers_of(store, samples) == [("recipe=from-jpeg", [0, 1, 2]), ("recipe=from-blur", [10, 11, 12])]


@pytest.mark.parametrize(
    ("changed", "competes"),
    [
        ({"assess": {"with": ["vif", "gmsd"]}}, True),
        ({"runtime": {"precision": "float32", "threads": 8}}, True),
        ({"generator": {"use": "pixels", "parameters": {}, "label": "mine", "init": None}}, True),
        ({"runtime": {"precision": "bfloat16", "threads": 0}}, False),
        ({"generator": {"use": "pixels", "parameters": {"start": "grey"}, "label": None, "init": None}}, False),
        ({"seed": 1}, False),
        ({"steps": 201}, False),
    ],
)
def test_runs_compete_if_what_made_their_outputs_is_the_same(
    store: Store, samples: Any, changed: dict[str, Any], competes: bool
) -> None:
    compete_anew(store, samples, 0, losses=["l2", "ssim"])
    compete_anew(store, samples, 10, losses=["gmsd"], **changed)
    assert bool(contests(cube_of(store))) == competes


@pytest.mark.parametrize(
    ("data", "competes"),
    [
        ({"test": {"use": "set5"}, "validate": {"use": "set14"}}, True),
        ({"train": {"use": "photos", "parameters": {"split": "train"}, "label": "other"}}, True),
        ({"train": {"use": "div2k"}}, False),
        ({"degrade": []}, False),
    ],
)
def test_trained_networks_are_known_by_what_they_were_trained_on(data: dict[str, Any], competes: bool) -> None:
    train = {"use": "photos", "parameters": {"split": "train"}, "label": None}
    cells = [cell_of("l2"), cell_of("ssim")]
    for cell in cells:
        cell["data"] = {**cell["data"], "train": train}
    cells[1]["data"] |= data
    assert (without_loss(cells[0]) == without_loss(cells[1])) == competes


def test_a_cube_without_its_store_goes_by_factors(store: Store, samples: Any, tmp_path: Any) -> None:
    compete_anew(store, samples, 0)
    cube = cube_of(store)
    assert numbers_of(store, samples) == [("", [0, 1, 2])]
    opened = xr.open_zarr(f"{store.root}/cube.zarr")
    assert len(contests(opened.isel(image=[0]))) == 1, "as others open it"
    alone = cube.copy()
    alone.encoding = {"source": str(tmp_path / "cube.nc")}
    assert [len(contest.runs) for contest in contests(alone)] == [3]


def test_a_lost_record_is_named_rather_than_left_out(store: Store, samples: Any) -> None:
    compete_anew(store, samples, 0)
    cube = cube_of(store)
    (file,) = Path(store.root).glob(f"ledger/loose/*/*.run.{samples.key(1)}.*")
    file.write_bytes(b"half")
    with pytest.raises(QueryError, match=rf"record of run {samples.key(1)[:12]} is gone or damaged") as caught:
        contests(cube)
    assert "\n" not in str(caught.value)
    store.refresh(rebuild=True)
    assert contests(open_cube(store.root)) == []


def test_records_of_a_bucket_are_found(samples: Any) -> None:
    store = Store("memory://study")
    compete_anew(store, samples, 0)
    assert len(contests(cube_of(store))) == 1


def test_sums_of_losses_and_failed_runs_do_not_compete(store: Store, samples: Any) -> None:
    compete(store, samples, {"l1+0.2*gmsd": FIELD["gmsd"], "ssim": FIELD["ssim"], "l2": FIELD["l2"]})
    store.ledger.put(samples.run(50, fidelity_loss="gmsd", seed=0, generator="pixels", status="failed"))
    assert contests(cube_of(store)) == []


def test_judges_can_be_chosen_and_unknown_ones_are_named(store: Store, samples: Any) -> None:
    compete(store, samples, FIELD)
    cube = cube_of(store)
    chosen = objectives(cube, ["gmsd"])
    assert chosen is not None
    worth = dict(zip(chosen.life.names, chosen.life.total(), strict=True))
    assert worth["l2"] == 1
    assert worth["ssim"] == 0
    assert np.isnan(worth["gmsd"])
    with pytest.raises(QueryError, match="judge 'lpips'"):
        objectives(cube, ["lpips"])


def test_ladders_count_pairs_in_order_and_ties_as_half(store: Store, samples: Any) -> None:
    def score(kind: str, level: int, judge: str) -> float:
        falling = -level if judge in ("psnr", "ssim") else level
        blind = {"ssim": 0.0 if kind == "blur" else falling, "niqe": -falling}
        return float(blind.get(judge, falling))

    climb(store, samples, score)
    found = ladders(cube_of(store))
    within = dict(zip(found["within"].names, found["within"].total(), strict=True))
    assert within == pytest.approx({"psnr": 1.0, "ssim": 0.75, "gmsd": 1.0, "niqe": 0.0})
    # Two levels apart: noise 1 before blur 3 (0 is above -1: wrong), blur 1 before noise 3.
    across = dict(zip(found["across"].names, found["across"].total(), strict=True))
    assert across == pytest.approx({"psnr": 1.0, "ssim": 0.5, "gmsd": 1.0, "niqe": 0.0})


def rate(
    store: Store,
    samples: Any,
    mos: list[float],
    scores: np.ndarray,
    references: list[str],
    number: int = 200,
    generator: str = "identity",
    output: str = "rated",
    degrade: Any = (),
) -> None:
    """A run on images that people rated, each of another reference's content; `output`: what was made of them."""

    def artefact(what: str, image: int) -> str:
        return f"{samples.key((what, image))}.png"

    about = {"mos_std": None, "distortion_type": "wn", "dataset": "live"}
    images = [
        samples.image(
            f"live/{i}", mos=m, rated_reference=r, input=artefact("rated", i), output=artefact(output, i), **about
        )
        for i, (m, r) in enumerate(zip(mos, references, strict=True))
    ]
    cell = {"generator": {"use": generator}, "data": {"degrade": list(degrade)}, "optimize": None}
    factors = {"fidelity_loss": "", "generator": generator, "discriminator": "", "seed": 0}
    store.ledger.put(samples.run(number, cell=cell, **factors))
    store.ledger.put(samples.assessment(number, assessors=assessors(samples), images=images, score=scores))


def test_opinions_are_rank_correlations_with_the_direction_turned(store: Store, samples: Any) -> None:
    rng = np.random.default_rng(0)
    mos, scores = rng.random(12), rng.random((4, 12))
    rate(store, samples, mos.tolist(), scores, ["a"] * 6 + ["b"] * 6)
    found = opinions(cube_of(store))
    signs = (1, 1, -1, -1)
    expected = [spearmanr(sign * row, mos).statistic for sign, row in zip(signs, scores, strict=True)]
    np.testing.assert_allclose(found["live"].total(), expected)
    halves = [
        np.mean([spearmanr(sign * row[part], mos[part]).statistic for part in (slice(6), slice(6, 12))])
        for sign, row in zip(signs, scores, strict=True)
    ]
    np.testing.assert_allclose(found["live, by reference"].total(), halves)


@pytest.mark.parametrize(
    "other",
    [
        {"generator": "imdn", "output": "restored"},
        {"generator": "folder", "output": "restored"},
        {"generator": "identity", "degrade": [{"use": "jpeg", "parameters": {"quality": 10}}]},
    ],
)
def test_opinions_are_of_the_images_that_people_saw(store: Store, samples: Any, other: dict[str, Any]) -> None:
    """What a network, another program or a degradation makes of rated images, nobody has rated."""
    mos = [1.0, 2.0, 3.0, 4.0, 5.0]
    scores = np.outer([1, 1, -1, -1], mos)
    rate(store, samples, mos, -5 * scores, ["a"] * 5, number=201, **other)
    assert opinions(cube_of(store)) == {}
    rate(store, samples, mos, scores, ["a"] * 5)
    np.testing.assert_allclose(opinions(cube_of(store))["live"].total(), 1.0)


def test_rated_images_count_whatever_passes_them_on(store: Store, samples: Any) -> None:
    """Judged later, as files of a folder: their content says that they are the same."""
    mos = [1.0, 2.0, 3.0]
    rate(store, samples, mos, np.outer([1, 1, -1, -1], mos), ["a"] * 3, generator="folder")
    np.testing.assert_allclose(opinions(cube_of(store))["live"].total(), 1.0)


def test_opinions_survive_the_cube(store: Store, samples: Any) -> None:
    rate(store, samples, [3.5, -2.0, 1.0], np.ones((4, 3)), ["a", "a", "b"])
    cube = cube_of(store)
    assert cube["mos"].values.tolist() == [3.5, -2.0, 1.0]
    assert np.isnan(cube["mos_std"].values).all()
    assert cube["rated_reference"].values.tolist() == ["a", "a", "b"]
    assert cube["distortion_type"].values.tolist() == ["wn"] * 3


def test_asymmetry_finds_a_planted_one(store: Store, samples: Any) -> None:
    """The better a metric assesses, the worse it optimises: the correlation is -1."""
    names = ("psnr", "ssim", "gmsd", "niqe")
    worth = dict(zip(names, (1, 2, 3, 4), strict=True))
    compete(
        store,
        samples,
        {loss: [v if judge in ("psnr", "ssim") else -v for judge in JUDGES] for loss, v in worth.items()},
    )

    def score(kind: str, level: int, judge: str) -> float:
        wrong = {"psnr": (), "ssim": (2,), "gmsd": (3,), "niqe": (1, 2, 3)}[judge]
        value = -level if level not in wrong else level
        return float(value if judge in ("psnr", "ssim") else -value)

    climb(store, samples, score)
    answer = asymmetry(cube_of(store), resamples=50)
    assert answer.names == ("niqe", "gmsd", "ssim", "psnr")
    within = next(c for c in answer.correlations if c.life == "within")
    assert within.metrics == 4
    assert within.spearman == pytest.approx(-1.0)
    assert (within.low, within.high) == pytest.approx((-1.0, -1.0))  # all images say the same
    assert set(answer.as_dict()) == {"study", "metrics", "correlations", "about"}


def test_without_the_runs_that_it_needs_it_says_which_recipe_makes_them(store: Store, samples: Any) -> None:
    samples.fill(store, range(2))
    with pytest.raises(QueryError, match="recipe run recover"):
        asymmetry(cube_of(store))
    compete(store, samples, FIELD, first=20)
    with pytest.raises(QueryError, match="recipe run ladders"):
        asymmetry(cube_of(store))


@pytest.mark.parametrize("size", [7, 32, 33, 200])
def test_ranks_are_scipys_however_many(size: int) -> None:
    values = np.random.default_rng(size).integers(0, size // 2, (3, size)).astype(float)
    np.testing.assert_array_equal(ranks(values), rankdata(values, axis=-1))
    values[1, 2] = np.nan
    ranked = ranks(values)
    assert np.isnan(ranked[1, 2])
    np.testing.assert_array_equal(np.delete(ranked[1], 2), rankdata(np.delete(values[1], 2)))


def test_spearman_goes_along_the_last_axis() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 9)), rng.normal(size=9)
    x[2, 3] = np.nan
    expected = [spearman(row, y) for row in x]
    np.testing.assert_array_equal(spearman(x, y), expected)


def test_spearman_equals_scipys_with_ties_and_gaps() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, 30).astype(float), rng.random(30)
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    x[3] = np.nan
    assert spearman(x, y) == pytest.approx(spearmanr(np.delete(x, 3), np.delete(y, 3)).statistic)
    assert np.isnan(spearman(np.ones(5), y[:5]))


def test_shares_run_from_worst_to_best_and_skip_what_is_missing() -> None:
    np.testing.assert_allclose(shares(np.array([[3.0, 1.0, np.nan, 2.0]])), [[1.0, 0.0, np.nan, 0.5]])
    np.testing.assert_allclose(shares(np.array([[1.0, 1.0, 5.0]])), [[0.25, 0.25, 1.0]])


def test_intervals_cover_what_they_should() -> None:
    """Percentile intervals of a mean of 40 normal values: the usual ±1.96 standard errors, within a tenth."""
    values = np.random.default_rng(2).normal(size=40)
    low, high = interval(lambda rng: np.array(values[rng.integers(40, size=40)].mean()), 4000)
    error = values.std() / np.sqrt(40)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_the_report_draws_both_lives_where_it_can(store: Store, samples: Any, tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    from percept_store.report import write_report

    compete(store, samples, FIELD)
    without = write_report(store, tmp_path / "without.html").read_text()
    assert 'id="lives"' not in without
    climb(store, samples, lambda kind, level, judge: float(-level if judge in ("psnr", "ssim") else level))
    page = write_report(store, tmp_path / "with.html").read_text()
    section = page[page.index('<section id="lives"') : page.index('<section id="scores"')]
    assert section.count("<svg") == 2  # within and across
    for metric in ("l2", "ssim", "gmsd", "niqe"):
        assert f'<th scope="row">{metric}</th>' in section
    assert "too few for a rank correlation" in section  # ssim and gmsd alone have both lives
