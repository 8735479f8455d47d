"""The shipped recipes recover, ladders and people, cut short, and the study that joins what they leave."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from percept_store import Store, open_cube
from PIL import Image

from tests.recipes import percept as command

METRICS = "[l2, ssim, gmsd]"
JUDGES = "[psnr, l2, ssim, gmsd]"


def percept(*arguments: str, **environment: str) -> str:
    done = command(*arguments, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("both") / "store")
    short = ["--store", root, "--jobs", "2", "--set", f"assess.with={JUDGES}", "--set", "data.test.crop=64"]
    start = "matrix.start=[{use: jpeg, quality: 10, label: jpeg}]"
    percept(
        "recipe",
        "run",
        "recover",
        *short,
        "--set",
        "optimize.steps=25",
        "--set",
        f"matrix.metric={METRICS}",
        "--set",
        start,
    )
    percept("recipe", "run", "ladders", *short, "--set", "data.test.split=test", "--set", "matrix.level=[1, 3, 5]")
    return root


def test_each_metric_is_content_and_the_images_are_not_alike(store: str) -> None:
    """gmsd is content with what psnr finds bad; l2 brings everything back."""
    optimised = open_cube(store).percept.where(start="jpeg")

    def mean(loss: str, judge: str) -> float:
        return float(optimised.percept.where(fidelity_loss=loss).percept.scores(judge).mean())

    assert mean("gmsd", "gmsd") < 0.02
    assert mean("ssim", "ssim") > 0.98
    assert mean("l2", "psnr") > mean("ssim", "psnr") + 3 > mean("gmsd", "psnr") + 6


def test_the_images_that_are_optimised_are_those_that_are_assessed(store: str) -> None:
    """The weights of a run hold the outputs: what was scored is them, clamped."""
    from safetensors.torch import load

    opened = Store(store)
    run = next(r for r in opened.ledger.records(kind="run") if r.header["factors"]["fidelity_loss"] == "l2")
    weights = load(opened.artefacts.read(run.header["weights"]["generator"]))
    assert weights["images"].shape == (2, 3, 64, 64)
    cube = open_cube(store).percept.where(start="jpeg", fidelity_loss="l2")
    scored = cube["score"].notnull().any(("run", "assessor"))
    targets = [picture(opened, name) for name in cube["reference"].values[scored.values]]
    error = (weights["images"].clamp(0, 1) - torch.stack(targets)).square().mean((1, 2, 3))
    scores = cube.percept.scores("psnr").values
    torch.testing.assert_close(torch.tensor(scores[scores == scores]), -10 * error.log10().double(), atol=1e-3, rtol=0)


def picture(store: Store, artefact: Any) -> torch.Tensor:
    with Image.open(BytesIO(store.artefacts.read(str(artefact)))) as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


def test_the_study_joins_both_lives(store: str) -> None:
    answer: dict[str, Any] = json.loads(percept("study", "asymmetry", "--store", store, "--json", "--resamples", "20"))
    lines = {line["metric"]: line for line in answer["metrics"]}
    assert set(lines) == {"l2", "ssim", "gmsd", "psnr"}
    assert lines["psnr"]["objective"] is None  # nobody optimised it
    assert all(0 <= lines[name]["objective"] <= 1 for name in ("l2", "ssim", "gmsd"))
    assert all(line["within"] > 0.9 for line in lines.values())
    assert {c["life"]: c["metrics"] for c in answer["correlations"]} == {"within": 3, "across": 3}
    table = percept("study", "asymmetry", "--store", store, "--resamples", "20").splitlines()
    assert table[0].split()[:4] == ["metric", "objective", "within", "across"]


def test_people_are_heard_where_there_is_a_table_of_ratings(store: str, shared_data: Path) -> None:
    ratings = str(shared_data / "rated" / "live-subset" / "dmos.csv")
    asked = ["--set", "data.test.score=dmos_realigned", "--set", "data.test.lower_is_better=true"]
    percept(
        "recipe", "run", "people", *asked, "--set", f"assess.with={JUDGES}", "--store", store, PERCEPT_RATED=ratings
    )
    answer = json.loads(percept("study", "asymmetry", "--store", store, "--json", "--resamples", "20"))
    people = {line["metric"]: line["live-subset"] for line in answer["metrics"]}
    assert people["gmsd"] > 0.93
    assert people["psnr"] == pytest.approx(people["l2"])
    assert answer["about"]["images"]["live-subset"] == 20


def test_a_store_without_both_lives_says_what_to_run(tmp_path: Path) -> None:
    percept("recipe", "run", "baseline", "--store", str(tmp_path / "s"), "--set", "assess.with=[psnr]")
    done = command("study", "asymmetry", "--store", str(tmp_path / "s"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "percept recipe run recover" in done.stderr
