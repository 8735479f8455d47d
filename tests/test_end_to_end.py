"""From a recipe to the cube, on real photographs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import percept
import pytest
import xarray as xr
from percept_store import Store, open_cube

from tests.benchmarks import kill
from tests.recipes import SMALL, write
from tests.recipes import percept as command


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The small recipe, run to its end."""
    folder = tmp_path_factory.mktemp("finished")
    recipe, store = write(folder), folder / "store"
    done = command("recipe", "run", recipe, "--store", str(store), "--jobs", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in json.loads(done.stdout)] == ["ok"] * 4
    return recipe, store


def test_cube_opens_with_plain_xarray(finished: tuple[str, Path]) -> None:
    cube = xr.open_zarr(finished[1] / "cube.zarr")
    assert dict(cube.sizes) == {"run": 4, "assessor": 2, "image": 2}
    assert set(cube.image.values) == {"photos/astronaut", "photos/chelsea"}
    assert (cube.status == 1).all()
    assert sorted(set(cube.perceptual.values)) == ["gmsd", "ssim"]
    assert sorted(set(cube.discriminator.values)) == ["none", "patch"]
    psnr = cube.score.sel(assessor="psnr")
    assert 25 < float(psnr.min()) < float(psnr.max()) < 40


def test_scores_are_those_of_the_stored_weights(finished: tuple[str, Path]) -> None:
    store = Store(finished[1])
    record = next(r for r in store.ledger.records("run") if r.header["factors"]["discriminator"] == "none")
    from percept.images import to_uint8
    from safetensors.torch import load

    generator = percept.generator("edsr", channels=8, blocks=1, skip="bicubic", scale=2)
    generator.load_state_dict(load(store.artefacts.read(record.header["weights"]["ema"])))  # type: ignore[attr-defined]
    target = percept.dataset("photos", split="test")[0].target[None]
    degraded = percept.degradation("bicubic", scale=2)(target)
    output = generator.eval()(degraded).detach().clamp(0, 1)  # type: ignore[attr-defined]
    psnr = percept.assessor("psnr")
    expected = psnr.score(output, psnr.prepare(target)).item()
    cube = open_cube(str(finished[1]))
    assert float(cube.score.sel(run=record.key, assessor="psnr", image="photos/astronaut")) == pytest.approx(
        expected, abs=1e-4
    )
    name = str(cube.output.sel(run=record.key, image="photos/astronaut").values)
    from PIL import Image

    assert np.abs(np.asarray(Image.open(store.artefacts.path(name))).astype(int) - to_uint8(output[0])).max() <= 1


def test_learning_curves_and_provenance_are_kept(finished: tuple[str, Path]) -> None:
    for record in Store(finished[1]).ledger.records("run"):
        steps = record.arrays["curve/l1/step"]
        assert steps.tolist() == [4, 8, 12, 16, 20, 24]
        assert np.isfinite(record.arrays["curve/l1/value"]).all()
        if record.header["factors"]["discriminator"] == "patch":
            assert record.arrays["curve/adversarial/step"].tolist() == [12, 16, 20, 24]
        assert record.header["provenance"]["plugins"]["percept-edsr"]
        assert record.header["cell"]["optimize"]["steps"] == 24


def test_again_computes_nothing(finished: tuple[str, Path]) -> None:
    recipe, store = finished
    before = {r.sha for r in Store(store).ledger.records()}
    done = command("recipe", "run", recipe, "--store", str(store))
    assert done.returncode == 0
    assert "4 cells: 4 done before" in done.stderr
    assert {r.sha for r in Store(store).ledger.records()} == before


def test_another_assessor_costs_only_its_own_scores(finished: tuple[str, Path]) -> None:
    recipe, store = finished
    done = command("recipe", "run", recipe, "--store", str(store), "--set", "assess.with=[psnr, psnr-y]", "--jobs", "2")
    assert "4 ran" in done.stderr
    assert len(list(Store(store).ledger.records("run"))) == 4
    added = [r.header["assessors"] for r in Store(store).ledger.records("assessment")]
    assert sorted(len(a) for a in added) == [1] * 4 + [2] * 4
    assert (open_cube(str(store)).status == 1).all()


def test_another_test_set_costs_only_its_own_scores(finished: tuple[str, Path], tmp_path: Path) -> None:
    from PIL import Image
    from skimage.data import coffee

    recipe, store = finished
    Image.fromarray(coffee()[:80, :90]).save(tmp_path / "cup.png")
    override = f"data.test={{use: folder, path: {tmp_path}, label: more}}"
    done = command("recipe", "run", recipe, "--store", str(store), "--set", override, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert len(list(Store(store).ledger.records("run"))) == 4
    cube = open_cube(str(store))
    assert "more/cup" in cube.image.values
    assert (cube.status.sel(image="more/cup", assessor=["psnr", "gmsd"]) == 1).all()
    assert (cube.status.sel(image="photos/chelsea", assessor=["psnr", "gmsd"]) == 1).all()


def test_another_recipe_with_the_same_cells_notes_its_own_axes(finished: tuple[str, Path], tmp_path: Path) -> None:
    _, store = finished
    text = SMALL.replace("name: small", "name: other").replace("perceptual", "second-loss")
    done = command("recipe", "run", write(tmp_path, text), "--store", str(store))
    assert "4 done before" in done.stderr, done.stderr
    cube = open_cube(str(store))
    assert sorted(set(cube["second-loss"].values)) == ["gmsd", "ssim"]
    assert cube.sizes["run"] == 4


def test_killed_and_resumed_equals_uninterrupted(finished: tuple[str, Path], tmp_path: Path) -> None:
    recipe, _ = finished
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    text = ["--set", "matrix={perceptual: [gmsd], discriminator: [{use: patch, channels: 8}]}"]
    arguments = [recipe, *text, "--set", "optimize.steps=60", "--set", "optimize.checkpoint-every=3"]
    seconds = kill.run(arguments, straight)
    kills = kill.run_under_fire(arguments, killed, 3, seconds, random.Random(7))
    assert kills
    assert kill.compare(straight, killed) == []


def test_chaining_starts_from_another_recipes_run(finished: tuple[str, Path], tmp_path: Path) -> None:
    recipe, store = finished
    text = f"""\
percept: 1
name: tuned
data:
  train: {{use: photos, split: train}}
  test: {{use: photos, split: test}}
  degrade: {{use: bicubic, scale: 2}}
generator:
  use: edsr
  channels: 8
  blocks: 1
  skip: bicubic
  init: {{recipe: {recipe}, part: ema, where: {{perceptual: ssim, discriminator: none}}}}
optimize: {{steps: 2, batch: 1, patch: 48, fidelity: l2, optimizer: {{lr: 0.0}}}}
assess: {{with: psnr}}
"""
    done = command("recipe", "run", write(tmp_path, text, "tuned.yaml"), "--store", str(store))
    assert done.returncode == 0, done.stderr
    assert "2 cells: 1 ran, 1 done before" in done.stderr
    cube = open_cube(str(store))
    tuned = cube.isel(run=(cube.recipe == "tuned").values)
    source = cube.isel(
        run=((cube.recipe == "small") & (cube.perceptual == "ssim") & (cube.discriminator == "none")).values
    )
    # A learning rate of zero changes nothing: the scores are those of the run that it started from.
    where = {"assessor": "psnr", "image": ["photos/astronaut", "photos/chelsea"]}
    assert np.array_equal(tuned.score.sel(where).values, source.score.sel(where).values)


def test_a_diverging_cell_is_a_failure_and_the_others_go_on(tmp_path: Path) -> None:
    text = SMALL.replace("lr: 1e-3", "lr: 1e30").replace("[gmsd, ssim]", "[gmsd]").replace("steps: 24", "steps: 40")
    recipe, store = write(tmp_path, text), str(tmp_path / "store")
    done = command("recipe", "run", recipe, "--store", store, "--jobs", "2")
    assert done.returncode == 1
    assert "not finite 10 steps in a row" in done.stderr
    assert "Traceback" not in done.stderr
    again = command("recipe", "run", recipe, "--store", store)
    assert "failed before" in again.stderr
    failures = open_cube(store).percept.failures()
    assert len(failures) >= 1


def test_python_face(finished: tuple[str, Path]) -> None:
    recipe, store = finished
    outcomes = percept.run(recipe, store=str(store))
    assert [o.status for o in outcomes] == ["done"] * 4
