"""What is left to do: scores that failed, data that moved, recipes that start from others."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import percept_pixel.psnr
import pytest
from percept.errors import RecipeError
from percept.execution import Outcome, run_recipe
from percept.execution.progress import PlainProgress
from percept.execution.scores import Assessment, Held
from percept.recipe import load
from percept.stages.score import FAILED, NOT_APPLICABLE, NOT_RUN, OK
from percept_store import Store, open_cube
from PIL import Image

from tests.execution.planning import BICUBIC, TRAINED, planned

Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, in_this_process: None) -> Run:
    """Run the recipe of one cell in this process, at once."""
    (tmp_path / "recipe.yaml").write_text(BICUBIC, "utf-8")

    def work(*overrides: str, retry_failed: bool = False) -> Outcome:
        listener = PlainProgress(1, io.StringIO())
        recipe, store = str(tmp_path / "recipe.yaml"), str(tmp_path / "store")
        (outcome,) = run_recipe(recipe, store, 0, overrides, retry_failed, listener)
        return outcome

    return work


def without_memory(*_: object) -> None:
    raise RuntimeError("out of memory")


def test_scores_that_failed_are_told_and_tried_again_when_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(percept_pixel.psnr.PSNR, "score", without_memory)
        first = run()
    assert (first.status, first.failed_scores) == ("ok", 2)
    again = run()
    told = "2 scores failed before: psnr: RuntimeError: out of memory (--retry-failed tries again)"
    assert (again.status, again.failed_scores, again.problems) == ("done", 2, (told,))
    (cell,) = planned(tmp_path, BICUBIC)
    assert (cell.state, cell.error) == ("done", told)
    beside = run("assess.with=[psnr, ssim]")
    assert (beside.status, beside.failed_scores, beside.problems) == ("ok", 2, (told,))
    mended = run(retry_failed=True)
    assert (mended.status, mended.failed_scores, mended.problems) == ("ok", 0, ())
    for retry_failed in (False, True):
        done = run(retry_failed=retry_failed)
        assert (done.status, done.failed_scores, done.problems) == ("done", 0, ())


def assessment(created: int, assessor: str, *status: int, test: str = "test") -> Assessment:
    reasons = {f"0,{i}": f"reason {created}" for i, s in enumerate(status) if s == FAILED}
    header = {"created": f"2025-01-0{created}", "test": test, "assessors": [{"key": assessor}], "reasons": reasons}
    return Assessment(header, np.array([status], dtype=np.uint8))


@pytest.mark.parametrize(
    ("found", "failed"),
    [
        ([(FAILED, OK)], 1),
        ([(FAILED, FAILED), (OK, FAILED)], 1),
        ([(OK, OK), (FAILED, FAILED)], 0),
        ([(FAILED, OK), (OK, FAILED)], 0),
        ([(NOT_APPLICABLE, OK)], 0),
        ([(FAILED, OK), (NOT_APPLICABLE, OK)], 0),
        ([(FAILED, OK), (NOT_RUN, OK)], 1),
    ],
)
def test_scores_are_joined_as_the_cube_joins_them(
    found: Sequence[Sequence[int]], failed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Held, "_facts", lambda _self, config: {"key": config["use"], "label": config["use"]})
    records = [assessment(number, "psnr", *status) for number, status in enumerate(found, 1)]
    strangers = [assessment(9, "psnr", FAILED, FAILED, test="another test")]
    config: dict[str, Any] = {"assess": {"crop-border": 0, "eight-bit": False}}
    held = Held([*reversed(records), *strangers], config, "test")
    psnr, ssim = {"use": "psnr"}, {"use": "ssim"}
    assert held.failures([psnr, ssim])[0] == failed
    assert held.missing([psnr, ssim], retry_failed=False) == (ssim,)
    assert held.missing([psnr, ssim], retry_failed=True) == ((psnr, ssim) if failed else (ssim,))


def test_a_test_set_that_moved_keeps_its_scores(run: Run, tmp_path: Path) -> None:
    here, there = tmp_path / "here" / "set", tmp_path / "there" / "set"
    here.mkdir(parents=True)
    Image.new("RGB", (64, 64), (90, 20, 200)).save(here / "image.png")
    assert run(f"data.test={{use: folder, path: {here}}}").status == "ok"
    shutil.copytree(here, there)
    assert run(f"data.test={{use: folder, path: {there}}}").status == "done"
    assert run(f"data.test={{use: folder, path: {there}, label: set}}").status == "done"
    renamed = f"data.test={{use: folder, path: {there}, label: other}}"
    assert planned(tmp_path, BICUBIC, renamed)[0].state == "assess", "its images are called otherwise"
    Image.new("RGB", (64, 64), (91, 20, 200)).save(there / "image.png")
    assert planned(tmp_path, BICUBIC, f"data.test={{use: folder, path: {there}}}")[0].state == "assess"


def test_another_recipe_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = "matrix: {seed: [0, 1, 2]}\n"
    (tmp_path / "base.yaml").write_text(TRAINED + seeds)
    loaded: list[str] = []

    def noting(recipe: str, *others: Any) -> Any:
        loaded.append(recipe)
        return load(recipe, *others)

    monkeypatch.setattr("percept.execution.plan.load", noting)
    cells = planned(tmp_path, TRAINED + seeds, "generator.init={recipe: base.yaml}", name="tuned.yaml")
    assert loaded == [str(tmp_path / "base.yaml")]
    assert [cell.factors["seed"] for cell in cells] == [0, 0, 1, 1, 2, 2]
    assert [cell.initial["generator"][0] for cell in cells[1::2]] == [cell.key for cell in cells[::2]]


def test_one_run_on_two_test_sets_is_refused_rather_than_halved(tmp_path: Path) -> None:
    text = BICUBIC.replace("crop: 64", "crop: '${matrix.crop}'").replace(
        "data:\n", "matrix: {crop: [64, 32]}\ndata:\n", 1
    )
    with pytest.raises(
        RecipeError, match=r"data\.test: crop=64 and crop=32 are one run, assessed on different images; give"
    ):
        planned(tmp_path, text)


def test_a_run_that_it_starts_from_and_asks_for_is_assessed_on_its_own_images(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(TRAINED, "utf-8")
    text = TRAINED.replace(
        "name: untrained",
        "name: both\nmatrix: {start: [{label: no, init: null}, {label: base, init: {recipe: base.yaml}}]}",
    )
    text = text.replace("blocks: 1}", "blocks: 1, init: '${matrix.start.init}'}").replace("crop: 64", "crop: 32")
    plan = planned(tmp_path, text, name="both.yaml")
    assert len(plan) == 2
    assert {cell.recipe for cell in plan} == {"both"}
    assert len({cell.test for cell in plan}) == 1


def test_a_recipe_whose_runs_were_there_is_known_by_its_name(run: Run, tmp_path: Path) -> None:
    run()
    (tmp_path / "recipe.yaml").write_text(BICUBIC.replace("name: untrained", "name: judged"), "utf-8")
    for _ in range(2):
        assert run().status == "done"
    store = Store(tmp_path / "store")
    assert [r.header["recipe"] for r in store.ledger.records("membership")] == ["judged"]
    assert open_cube(store)["recipes"].values.tolist() == ["untrained, judged"]
