"""Whatever one writes: a recipe, or a RecipeError of printable lines that say where."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from percept.errors import RecipeError
from percept.recipe import Recipe, load, show

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """\
percept: 1
data: {train: {use: photos, split: train}, degrade: {use: bicubic, scale: 2}}
generator: &g {use: edsr, channels: 32}
optimize:
  steps: 300
  fidelity:
    - {use: "${matrix.loss}", weight: 0.2}
  adversarial: {discriminator: "${matrix.d}"}
assess: {with: [psnr, "${env:HOME:ssim}"]}
matrix:
  loss: [l1, {use: ssim, window: 7, label: s}]
  d: [none, patch]
  seed: [0, 1]
  exclude: [{loss: s, d: none}]
"""
# fmt: off
KEYS = [
    "percept", "name", "summary", "extends", "data", "generator", "optimize", "fit", "assess", "benchmark", "seed",
    "runtime", "matrix", "train", "test", "degrade", "use", "with", "steps", "batch", "fidelity", "optimizer",
    "adversarial", "discriminator", "init", "recipe", "part", "where", "label", "weight", "include", "exclude", "a",
    "b",
]
# fmt: on
TEXTS = [
    "${matrix.a}",
    "x${matrix.b.label}",
    "${env:A:1}",
    "${",
    "$${",
    "none",
    "recipe.yaml",
    "1e-4",
    "edsr",
    "ema",
    "\ud800",
]
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(TEXTS),
    st.sampled_from(KEYS),
    st.text(max_size=5),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)
overrides = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.builds(
            "{}={}".format, st.sampled_from(["a", "seed", "optimize.fidelity[0].weight", "matrix.a[1]"]), st.text()
        ),
    ),
    max_size=2,
)
positioned = re.compile(r"(\S*\.yaml:\d+:\d+|--set .*): .+")


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "recipe.yaml"


def outcome(path: Path, stages: Any, changes: list[str]) -> Recipe | RecipeError:
    try:
        return load(path, stages, changes)
    except RecipeError as error:
        return error


def try_it(path: Path, content: bytes, stages: Any, changes: list[str]) -> None:
    path.write_bytes(content)
    found = outcome(path, stages, changes)
    if isinstance(found, RecipeError):
        assert found.problems
        assert list(found.problems) == list(dict.fromkeys(found.problems))
        assert all(problem.isprintable() for problem in found.problems)
        if b"\xff" not in content:
            assert [problem for problem in found.problems if not positioned.fullmatch(problem)] == []
        return
    assert found.cells
    for cell in found.cells[:3]:
        json.dumps(cell.config, allow_nan=False).encode()
        path.write_text(show(cell), encoding="utf-8")
        assert load(path, stages=stages).cells[0].config == cell.config


@QUICK
@given(text=st.text(), changes=overrides)
def test_any_text(recipe_file: Path, stages: Any, text: str, changes: list[str]) -> None:
    try_it(recipe_file, text.encode("utf-8", "replace"), stages, changes)


@QUICK
@given(content=st.binary())
def test_any_bytes(recipe_file: Path, stages: Any, content: bytes) -> None:
    try_it(recipe_file, content + b"\xff", stages, [])


@QUICK
@given(data=st.data())
def test_a_damaged_recipe(recipe_file: Path, stages: Any, data: st.DataObject) -> None:
    text = RECIPE
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 6))
        text = (
            text[:start]
            + data.draw(st.text(max_size=4) | st.sampled_from([*TEXTS, "*g", "!!x ", ": ", "- "]))
            + text[end:]
        )
    try_it(recipe_file, text.encode("utf-8", "replace"), stages, data.draw(overrides))


@QUICK
@given(document=st.dictionaries(st.sampled_from(KEYS), values, max_size=8), complete=st.booleans(), changes=overrides)
def test_any_structure(
    recipe_file: Path, stages: Any, document: dict[str, Any], complete: bool, changes: list[str]
) -> None:
    if complete:
        document = {**document, "percept": 1, "generator": "edsr", "assess": {"with": []}}
        document.pop("name", None)
    try_it(recipe_file, yaml.safe_dump(document).encode("utf-8", "replace"), stages, changes)
