"""Every recipe that ships: it has no mistakes, and each experiment has a small form and one of the works' size."""

from __future__ import annotations

from pathlib import Path

import pytest
from percept.execution.check import load_checked

from tests.conftest import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
EXPERIMENTS = (
    "discriminator-swap",
    "gan-weight-sweep",
    "perception-distortion",
    "ground-truth-sampling",
    "direct-nr-optimisation",
    "generator-swap",
)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_has_no_mistakes_and_says_what_it_is(path: Path) -> None:
    recipe = load_checked(str(path))
    assert recipe.name == path.stem
    assert recipe.summary
    assert path.read_text("utf-8").startswith("# "), "a recipe begins with what it is for"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_has_both_forms(name: str) -> None:
    small, paper = (load_checked(str(ROOT / "recipes" / f"{form}.yaml")) for form in (name, f"{name}-paper"))
    assert set(small.cells[0].factors) <= set(paper.cells[0].factors)
    steps = [recipe.cells[0].config["optimize"]["steps"] for recipe in (small, paper)]
    assert steps[1] >= 100 * steps[0]


def test_weight_sweep_has_six_weights_for_each_of_three_discriminators() -> None:
    cells = load_checked(str(ROOT / "recipes" / "gan-weight-sweep.yaml")).cells
    sweep = {(cell.factors["discriminator"], cell.factors["weight"]) for cell in cells}
    assert len(sweep) == len({d for d, _ in sweep}) * len({w for _, w in sweep}) == 18
