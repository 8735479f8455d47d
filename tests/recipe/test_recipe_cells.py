"""What loading gives: resolved cells, places to blame, and text to show."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from percept.recipe import load, show

if TYPE_CHECKING:
    from pathlib import Path

Load = Callable[..., Any]

RECIPE = """
    percept: 1
    name: quickstart
    summary: two losses
    data:
      train: {use: photos, split: train}
      test: {use: photos, split: test}
      degrade: {use: bicubic, scale: 2}
    generator: {use: edsr, channels: 32, init: weights.safetensors}
    optimize:
      steps: 300
      optimizer: {use: adam, lr: 2.0e-4}
      fidelity:
        - {use: l1}
        - none
        - {use: "${matrix.perceptual}", weight: 0.2}
      adversarial:
        discriminator: {use: "${matrix.discriminator}", init: {recipe: gan.yaml, where: {seed: 0}}, crop-border: 2}
        starts-at: 100
    assess: {with: [psnr, {use: ssim, window: 7}]}
    matrix:
      perceptual: [ms-ssim, {use: dists, text: "1e-4", other: "$${x}", nothing: null}]
      discriminator: [none, patch]
      seed: [0, 1]
    """


def test_a_cell_has_every_declared_key(load_text: Load) -> None:
    recipe = load_text(RECIPE)
    assert (recipe.name, recipe.summary, recipe.path.name) == ("quickstart", "two losses", "recipe.yaml")
    assert recipe.path.is_absolute()
    assert recipe.text.startswith("percept: 1")
    assert len(recipe.cells) == 8
    cell = recipe.cells[3]
    assert cell.factors == {"perceptual": "ms-ssim", "discriminator": "patch", "seed": 1}
    assert cell.config == {
        "data": {
            "train": {"use": "photos", "label": None, "parameters": {"split": "train"}},
            "test": {"use": "photos", "label": None, "parameters": {"split": "test"}},
            "validate": None,
            "degrade": [{"use": "bicubic", "parameters": {"scale": 2}}],
        },
        "generator": {
            "use": "edsr",
            "init": "weights.safetensors",
            "adapter": None,
            "label": None,
            "parameters": {"channels": 32},
        },
        "optimize": {
            "steps": 300,
            "batch": 16,
            "fidelity": [
                {"use": "l1", "weight": 1.0, "label": None, "parameters": {}},
                {"use": "ms-ssim", "weight": 0.2, "label": None, "parameters": {}},
            ],
            "optimizer": {"use": "adam", "lr": 2e-4, "betas": [0.9, 0.99]},
            "adversarial": {
                "discriminator": {
                    "use": "patch",
                    "init": {"recipe": "gan.yaml", "part": "discriminator", "where": {"seed": 0}},
                    "parameters": {"crop_border": 2},
                },
                "objective": "vanilla",
                "starts-at": 100,
            },
            "augment": True,
        },
        "assess": {
            "with": [{"use": "psnr", "parameters": {}}, {"use": "ssim", "parameters": {"window": 7}}],
        },
        "seed": 1,
        "runtime": {
            "device": "auto",
            "threads": 0,
            "deterministic": True,
            "precision": "float32",
            "channels-last": False,
            "compile": False,
            "images": "memory",
            "processes": 1,
        },
    }


def test_cells_are_plain_and_travel(load_text: Load) -> None:
    for cell in load_text(RECIPE).cells:
        assert json.loads(json.dumps(cell.config)) == cell.config
        assert pickle.loads(pickle.dumps(cell)) == cell


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("optimize", "9:1: optimize"),
        ("optimize.steps", "10:3: optimize.steps"),
        ("optimize.batch", "9:1: optimize.batch"),
        ("optimize.fidelity[0].window", "13:7: optimize.fidelity[0].window"),
        ("optimize.fidelity[1]", "15:7: optimize.fidelity[2]"),
        ("optimize.fidelity[1].use", "15:8: optimize.fidelity[2].use"),
        ("optimize.fidelity[1].weight", "15:37: optimize.fidelity[2].weight"),
        ("optimize.fidelity[9]", "12:3: optimize.fidelity[9]"),
        (
            "optimize.adversarial.discriminator.parameters.crop_border",
            "17:97: optimize.adversarial.discriminator.crop-border",
        ),
        ("data.degrade[0].scale", "7:27: data.degrade.scale"),
        ("assess.with[0].use", "19:17: assess.with[0]"),
        ("assess.with[0].parameters.window", "19:17: assess.with[0].window"),
        ("assess.with[1].parameters.window", "19:35: assess.with[1].window"),
        ("runtime.device", "1:1: runtime.device"),
        ("seed", "23:10: seed"),
    ],
)
def test_problems_of_a_cell_have_their_place(load_text: Load, path: str, place: str) -> None:
    assert load_text(RECIPE).cells[2].problem(path, "is wrong") == f"recipe.yaml:{place}: is wrong"


def test_a_parameter_that_an_axis_brings_is_blamed_on_the_axis(load_text: Load) -> None:
    cell = load_text(RECIPE).cells[4]
    found = cell.problem("optimize.fidelity[1].text", "is wrong")
    assert found == "recipe.yaml:21:38: optimize.fidelity[2].text: is wrong"


def test_show_loads_to_the_same_cell(load_text: Load, folder: Path, stages: Any) -> None:
    for cell in load_text(RECIPE).cells:
        (folder / "shown.yaml").write_text(show(cell))
        shown = load("shown.yaml", stages=stages)
        assert shown.name == "quickstart"
        assert [c.config for c in shown.cells] == [cell.config]


def test_show_to_the_letter(load_text: Load) -> None:
    text = """
        percept: 1
        generator: edsr
        assess: {with: [{use: psnr, text: "1e-4", yes: "on", dollar: "$${x}", none: null}]}
        """
    assert show(load_text(text).cells[0]) == dedent(
        """\
        percept: 1
        name: recipe
        data:
          degrade: []
        generator: {use: edsr}
        assess:
          with:
          - {use: psnr, text: '1e-4', 'yes': 'on', dollar: '$${x}', none: null}
        seed: 0
        runtime: {device: auto, threads: 0, deterministic: true, precision: float32, channels-last: false, compile: false, images: memory,
          processes: 1}
        """
    )


def test_recipes_need_nothing_heavy() -> None:
    heavy = ["torch", "numpy", "xarray", "click", "percept_store", "pluggy"]
    code = f"import sys, percept.recipe; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
