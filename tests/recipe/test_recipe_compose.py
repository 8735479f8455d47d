"""`extends`, `--set` and placeholders."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Problems = Callable[..., str]
Load = Callable[..., Any]

BASE = """\
percept: 1
name: base
summary: the base
generator: {use: edsr, channels: 32}
optimize:
  steps: 100
  fidelity: [l1, ssim]
  optimizer: {lr: 1e-3}
assess: {with: [psnr, {use: ssim, window: 7}]}
"""


@pytest.fixture
def base(folder: Path) -> Path:
    (folder / "parts").mkdir()
    path = folder / "parts" / "base.yaml"
    path.write_text(BASE)
    return path


def config(recipe: Any) -> Any:
    return recipe.cells[0].config


def test_maps_merge_and_lists_are_replaced(base: Path, load_text: Load) -> None:
    recipe = load_text("extends: parts/base.yaml\noptimize: {batch: 4, fidelity: [l2], optimizer: {use: sgd}}")
    assert recipe.name == "recipe"
    assert recipe.summary == ""
    optimize = config(recipe)["optimize"]
    assert optimize["steps"] == 100
    assert optimize["batch"] == 4
    assert [term["use"] for term in optimize["fidelity"]] == ["l2"]
    assert optimize["optimizer"] == {"use": "sgd", "lr": 1e-3, "betas": [0.9, 0.99]}


def test_another_component_takes_no_parameters_from_the_base(base: Path, load_text: Load) -> None:
    changed = load_text("extends: parts/base.yaml\ngenerator: {channels: 64, blocks: 2}")
    other = load_text("extends: parts/base.yaml\ngenerator: {use: swinir, window: 8}")
    assert config(changed)["generator"]["parameters"] == {"channels": 64, "blocks": 2}
    assert config(other)["generator"]["parameters"] == {"window": 8}


def test_null_leaves_an_optional_section_out(base: Path, load_text: Load) -> None:
    assert config(load_text("extends: parts/base.yaml\noptimize: null"))["optimize"] is None


def test_later_bases_win(base: Path, folder: Path, load_text: Load) -> None:
    (folder / "parts" / "fast.yaml").write_text("extends: base.yaml\noptimize: {steps: 5}\nseed: 3")
    recipe = load_text("extends: [parts/base.yaml, parts/fast.yaml]\nseed: 4")
    assert config(recipe)["optimize"]["steps"] == 5
    assert config(recipe)["seed"] == 4


def test_positions_stay_with_the_file(base: Path, problems: Problems) -> None:
    base.write_text(BASE.replace("steps: 100", "steps: none"))
    found = problems("extends: parts/base.yaml\noptimize:\n  batch: 0\n  fidelity: [{use: l1, weight: -1}]")
    assert found == dedent(
        """\
        parts/base.yaml:6:10: optimize.steps: expects an integer, not 'none'
        recipe.yaml:3:10: optimize.batch: must be at least 1, not 0
        recipe.yaml:4:32: optimize.fidelity[0].weight: must be at least 0, not -1
        """
    )


def test_bases_that_cannot_be_had(base: Path, folder: Path, problems: Problems) -> None:
    (folder / "a.yaml").write_text("extends: b.yaml")
    (folder / "b.yaml").write_text("extends: a.yaml")
    (folder / "c.yaml").write_bytes(b"\xff")
    (folder / "d.yaml").write_text("- a list")
    found = problems(
        "percept: 1\ngenerator: a\nassess: {with: []}\n"
        "extends: [bse.yaml, parts/bas.yaml, a.yaml, recipe.yaml, 3, c.yaml, d.yaml]"
    )
    assert found == dedent(
        """\
        b.yaml:1:10: extends: a.yaml: this recipe extends itself
        d.yaml:1:1: expects a map with keys such as data and generator, not a list
        recipe.yaml:4:11: extends[0]: bse.yaml: no such file, did you mean b.yaml?
        recipe.yaml:4:21: extends[1]: parts/bas.yaml: no such file, did you mean base.yaml?
        recipe.yaml:4:45: extends[3]: recipe.yaml: this recipe extends itself
        recipe.yaml:4:58: extends[4]: expects a path, not 3
        recipe.yaml:4:61: extends[5]: c.yaml: is not UTF-8: byte 0xff in line 1
        """
    )


def test_set(base: Path, load_text: Load) -> None:
    recipe = load_text(
        BASE,
        "optimize.steps=7",
        "optimize.optimizer={use: sgd}",
        "assess.with[1].window=1e1",
        "optimize.adversarial.discriminator.use=patch",
        "data.train.use=photos",
        "summary=a=b",
        "generator=bicubic",
    )
    found = config(recipe)
    assert found["optimize"]["steps"] == 7
    assert found["optimize"]["optimizer"]["lr"] == 1e-4
    assert found["assess"]["with"][1]["parameters"] == {"window": 10.0}
    assert found["optimize"]["adversarial"]["discriminator"]["use"] == "patch"
    assert found["data"]["train"] == {"use": "photos", "label": None, "parameters": {}}
    assert found["generator"]["parameters"] == {}
    assert recipe.summary == "a=b"
    assert recipe.overrides[0] == "optimize.steps=7"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("optimize.steps", "--set optimize.steps: write it as a.b=value or a[1].b=value"),
        ("=3", "--set : write it as a.b=value or a[1].b=value"),
        ("a..b=3", "--set a..b: write it as a.b=value or a[1].b=value"),
        ("optimize.stps=3", "--set optimize.stps: optimize.stps: unknown key, did you mean steps?"),
        ("optimize.steps=x", "--set optimize.steps: optimize.steps: expects an integer, not 'x'"),
        ("optimize.steps.x=1", "--set optimize.steps.x: optimize.steps is 100, not a map"),
        ("optimize.fidelity[2]=x", "--set optimize.fidelity[2]: optimize.fidelity has 2 items, counted from 0"),
        ("optimize[0]=x", "--set optimize[0]: optimize is a map, not a list"),
        ("optimize.fidelity[0].weight=2", "--set optimize.fidelity[0].weight: optimize.fidelity[0] is 'l1', not a map"),
        (
            "seed=[1",
            "--set seed: not valid YAML: expected ',' or ']', but got '<stream end>', while parsing a flow sequence",
        ),
        ("seed={a: 1, a: 2}", "--set seed: a: is given twice, first at --set seed"),
        ("extends=a.yaml", "--set extends: a base cannot be set; write a recipe that extends it"),
        ("generator=", "--set generator: generator: is required"),
    ],
)
def test_set_that_cannot_be(problems: Problems, change: str, problem: str) -> None:
    assert problems(BASE, change).splitlines() == [problem]


def test_environment(load_text: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPS", "12")
    monkeypatch.setenv("ROOT", "/data")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)
    text = BASE.replace("100", "${env:STEPS}") + dedent(
        """\
        data:
          train: {use: folder, root: "${env:ROOT}/train", note: "${env:UNSET:c:/x}", empty: "${env:EMPTY}"}
          test: {use: folder, root: "$${env:ROOT}/${env:UNSET:1e-4}", fast: "${env:UNSET:true}"}
        """
    )
    found = config(load_text(text))
    assert found["optimize"]["steps"] == 12
    assert found["data"]["train"]["parameters"] == {"root": "/data/train", "note": "c:/x", "empty": ""}
    assert found["data"]["test"]["parameters"] == {"root": "${env:ROOT}/1e-4", "fast": True}


def test_placeholders_that_nothing_fills(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSET", raising=False)
    found = problems(
        """
        percept: 1
        generator: ${env:UNSET}
        optimize:
          steps: ${matrix.step}
          batch: ${steps}
          fidelity: [{use: l1, weight: "${matrix.weight"}]
          optimizer: {lr: "${matrix.steps.x}"}
        assess: {with: ["a${matrix.judge}"]}
        matrix:
          steps: [1, "${matrix.weights}"]
          judge: [{use: psnr}, "${env:UNSET}"]
        """
    )
    unset = "environment variable UNSET is not set; ${env:UNSET:default} would give it a default"
    known = "there are ${env:NAME}, ${env:NAME:default} and ${matrix.AXIS}, and $${ for a literal ${"
    assert found == dedent(
        f"""\
        recipe.yaml:2:12: generator: {unset}
        recipe.yaml:4:10: optimize.steps: unknown axis step, did you mean steps?
        recipe.yaml:5:10: optimize.batch: unknown placeholder ${{steps}}; {known}
        recipe.yaml:6:32: optimize.fidelity[0].weight: unclosed ${{; write $${{ for a literal ${{
        recipe.yaml:7:19: optimize.optimizer.lr: 1 of axis steps has no x; it has label
        recipe.yaml:8:17: assess.with[0]: ${{matrix.judge}} is a map, which cannot be part of a text
        recipe.yaml:10:14: matrix.steps[1]: an axis cannot refer to another
        recipe.yaml:11:24: matrix.judge[1]: {unset}
        """
    )
