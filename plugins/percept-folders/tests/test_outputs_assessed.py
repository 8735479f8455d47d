"""Outputs made elsewhere, from a recipe to the cube."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import percept
import pytest
from click.testing import CliRunner, Result
from percept.cli import cli
from percept.errors import RecipeError
from percept.images import to_uint8
from percept_store import open_cube
from PIL import Image, ImageFilter

RECIPE = """\
percept: 1
name: elsewhere
data:
  test: {{use: photos, split: test, crop: 96}}
generator: {{use: folder, path: "{root}/${{matrix.method}}", suffix: "_${{matrix.method}}", label: "${{matrix.method}}"}}
assess: {{with: [psnr, ssim]}}
matrix: {{method: [blurred, sharpened]}}
"""
OK, FAILED = 1, 2  # of the cube's flags
METHODS = {"blurred": ImageFilter.BoxBlur(1), "sharpened": ImageFilter.SHARPEN}


class Bench:
    """Test images, two folders of outputs for them, a recipe and a store."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, str(root / "store")
        self.recipe = str(root / "elsewhere.yaml")
        Path(self.recipe).write_text(RECIPE.format(root=root), "utf-8")
        photos = percept.dataset("photos", split="test", crop=96)
        self.names = list(photos.ids)
        for index, name in enumerate(self.names):
            photo = Image.fromarray(to_uint8(photos[index].target))
            for folder, suffix, image in [
                ("gt", "", photo),
                *((m, f"_{m}", photo.filter(f)) for m, f in METHODS.items()),
            ]:
                (root / folder).mkdir(exist_ok=True)
                image.save(root / folder / f"{name}{suffix}.png")

    def run(self, *overrides: str) -> list[Any]:
        return percept.run(self.recipe, store=self.store, jobs=0, overrides=overrides)

    def percept(self, *arguments: str) -> Result:
        done = CliRunner().invoke(cli, [*arguments, "--json"], standalone_mode=False)
        assert done.exception is None, done.output
        return done

    def states(self, *overrides: str) -> list[str]:
        sets = [word for override in overrides for word in ("--set", override)]
        rows = json.loads(self.percept("recipe", "plan", self.recipe, "--store", self.store, *sets).stdout)
        return [row["state"] for row in rows]

    def score(self, method: str, assessor: str) -> list[float]:
        """Of each image, by the last run of that method."""
        cube = open_cube(self.store)
        chosen = cube.score.isel(run=[(cube.generator == method).values.nonzero()[0][-1]]).sel(assessor=assessor)
        return [float(chosen.sel(image=f"photos/{name}").item()) for name in self.names]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Only looked at."""
    bench = Bench(tmp_path_factory.mktemp("finished"))
    assert bench.states() == ["new", "new"]
    outcomes = bench.run()
    assert [(o.status, o.problems) for o in outcomes] == [("ok", ())] * 2
    return bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """To be spoilt."""
    return Bench(tmp_path)


def problems(outcomes: Sequence[Any]) -> list[list[str]]:
    return [list(outcome.problems) for outcome in outcomes]


def test_scores_are_those_of_percept_assess(finished: Bench) -> None:
    folders = [str(finished.root / method) for method in METHODS]
    suffixes = [word for method in METHODS for word in ("--suffix", f"_{method}")]
    reference = ["--reference", str(finished.root / "gt"), "--with", "psnr,ssim"]
    told = json.loads(finished.percept("assess", *folders, *reference, *suffixes).stdout)
    assert len(told["images"]) == 4
    for method in METHODS:
        expected = [image["scores"] for image in told["images"] if image["set"] == method]
        for assessor in ("psnr", "ssim"):
            scores = [image[assessor] for image in expected]
            assert finished.score(method, assessor) == scores


def test_outputs_are_kept_and_no_input_is_made_up(finished: Bench) -> None:
    cube = open_cube(finished.store)
    assert (cube.output != "").all()
    assert (cube["input"] == "").all()
    assert sorted(cube.generator.values) == sorted(METHODS)


def test_again_nothing_is_left_to_do(finished: Bench) -> None:
    assert finished.states() == ["done", "done"]
    assert finished.states("assess.with=[psnr, ssim, gmsd]") == ["assess", "assess"]


def test_other_outputs_of_the_same_names_are_another_run(bench: Bench) -> None:
    bench.run()
    before = bench.score("blurred", "psnr")
    changed = bench.root / "blurred" / f"{bench.names[0]}_blurred.png"
    Image.open(changed).filter(ImageFilter.BoxBlur(3)).save(changed)
    assert bench.states() == ["new", "done"]
    assert [outcome.status for outcome in bench.run()] == ["done", "ok"]
    after = bench.score("blurred", "psnr")
    assert after[0] < before[0]
    assert after[1] == before[1]


def test_moved_outputs_are_the_same_run(bench: Bench) -> None:
    bench.run()
    (bench.root / "blurred").rename(bench.root / "moved")
    text = Path(bench.recipe).read_text("utf-8").replace("/${matrix.method}", "/${matrix.folder}")
    text = text.replace("method: [blurred, sharpened]", "include: [{method: blurred, folder: moved}]")
    Path(bench.recipe).write_text(text, "utf-8")
    assert bench.states() == ["done"]


def test_a_missing_output_costs_itself_alone(bench: Bench) -> None:
    lost, kept = bench.names
    (bench.root / "blurred" / f"{lost}_blurred.png").unlink()
    told = problems(bench.run())
    expected = f"folder: {bench.root}/blurred holds no {lost}_blurred.png or the like; put it there or set `suffix`"
    assert told == [[f"photos/{lost}: {expected}"], []]
    cube = open_cube(bench.store)
    status = cube.status.sel(assessor="psnr").isel(run=(cube.generator == "blurred").values.argmax())
    found = {str(image): int(status.sel(image=image)) for image in cube.image.values}
    assert found == {f"photos/{lost}": FAILED, f"photos/{kept}": OK}


def test_another_size_is_told_with_both(bench: Bench) -> None:
    told = problems(bench.run("data.test.crop=90"))
    expected = (
        "its output has 96×96 pixels, its target 90×90; check data.test and data.degrade, which say what the target is"
    )
    assert told == [[f"photos/{name}: {name}: {expected}" for name in bench.names]] * 2


def test_an_absent_folder_leaves_no_run(bench: Bench) -> None:
    (bench.root / "blurred").rename(bench.root / "other")
    outcomes = bench.run()
    assert [o.status for o in outcomes] == ["failed", "ok"]
    assert outcomes[0].error == f"folder: no folder {bench.root}/blurred; put images there or set `path`"
    assert list(open_cube(bench.store).generator.values) == ["sharpened"]


def test_a_degradation_shows_the_input_and_crops_the_target(bench: Bench) -> None:
    for method in METHODS:
        for name in bench.names:
            file = bench.root / method / f"{name}_{method}.png"
            Image.open(file).crop((0, 0, 95, 95)).save(file)
    assert problems(bench.run("data.degrade={use: bicubic, scale: 5}")) == [[], []]
    assert (open_cube(bench.store)["input"] != "").all()


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("optimize={steps: 1, fidelity: l1}", "generator: 'folder' has nothing to train; leave optimize out"),
        ("generator.init=weights.pth", "generator.init: 'folder' has no weights; leave init out"),
        ("data={}", "assess: needs data.test: the images to be assessed"),
        ("generator.sufix=x", "generator.sufix: unknown parameter, did you mean suffix?"),
    ],
)
def test_mistakes_are_found_before_anything_runs(bench: Bench, override: str, line: str) -> None:
    with pytest.raises(RecipeError) as caught:
        bench.run(override)
    assert [problem for problem in caught.value.problems if problem.endswith(line)]
