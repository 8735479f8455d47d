from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent, indent
from typing import Any

import pytest
from percept.recipe.axes import TAKEN

Problems = Callable[..., str]
Load = Callable[..., Any]

HEAD = "percept: 1\ngenerator: edsr\nassess: {with: []}\n"


def with_matrix(matrix: str, used: str = "") -> str:
    """A recipe whose matrix starts in line 5; `used` are axes that something refers to."""
    refers = "".join(f"${{matrix.{axis}.label}}" for axis in used.split())
    return f'{HEAD}data: {{train: {{use: x, note: "{refers}"}}}}\nmatrix:\n' + indent(dedent(matrix).lstrip("\n"), "  ")


def labels(recipe: Any) -> list[tuple[Any, ...]]:
    return [tuple(cell.factors.values()) for cell in recipe.cells]


def test_all_combinations_in_order(load_text: Load) -> None:
    recipe = load_text(with_matrix("a: [x, y]\nb: [1, 2.5]\nc: [true]", "a b c"))
    assert labels(recipe) == [("x", 1, True), ("x", 2.5, True), ("y", 1, True), ("y", 2.5, True)]
    assert [cell.index for cell in recipe.cells] == [0, 1, 2, 3]
    assert recipe.cells[1].config["data"]["train"]["parameters"]["note"] == "x2.5true"


def test_without_a_matrix_there_is_one_cell(load_text: Load) -> None:
    assert labels(load_text(HEAD)) == [()]
    assert labels(load_text(HEAD + "matrix:")) == [()]


def test_a_value_keeps_its_type(load_text: Load) -> None:
    text = """
        percept: 1
        generator: ${matrix.generator}
        optimize:
          steps: ${matrix.steps}
          fidelity: [{use: "${matrix.loss}", weight: 0.2}, l2]
          adversarial: {discriminator: "${matrix.discriminator}"}
          augment: ${matrix.augment}
        matrix:
          generator: [{use: edsr, channels: 16, label: small}]
          steps: [10]
          loss: [{use: dists, backbone: vgg16, weight: 7}, none]
          discriminator: [none, patch]
          augment: [false]
        """
    first, second, third, _ = load_text(text).cells
    assert first.factors == {
        "generator": "small",
        "steps": 10,
        "loss": "dists",
        "discriminator": "none",
        "augment": False,
    }
    assert first.config["generator"] == {
        "use": "edsr",
        "init": None,
        "adapter": None,
        "label": None,
        "parameters": {"channels": 16},
    }
    assert first.config["optimize"]["steps"] == 10
    assert first.config["optimize"]["fidelity"][0] == {
        "use": "dists",
        "weight": 0.2,
        "label": None,
        "parameters": {"backbone": "vgg16"},
    }
    assert first.config["optimize"]["adversarial"]["discriminator"] is None
    assert second.config["optimize"]["adversarial"]["discriminator"]["use"] == "patch"
    assert [term["use"] for term in third.config["optimize"]["fidelity"]] == ["l2"]


def test_parts_of_a_map(load_text: Load) -> None:
    text = """
        percept: 1
        generator: edsr
        optimize: {steps: "${matrix.plan.steps}", batch: "${matrix.plan.batch}"}
        data: {train: {use: x, note: "plan ${matrix.plan.label}"}}
        matrix:
          plan: [{label: short, steps: 1, batch: 2}, {label: long, steps: 10, batch: 4}]
        """
    second = load_text(text).cells[1].config
    assert (second["optimize"]["steps"], second["optimize"]["batch"]) == (10, 4)
    assert second["data"]["train"]["parameters"]["note"] == "plan long"


def test_seed_sets_the_seed(load_text: Load, problems: Problems) -> None:
    assert [cell.config["seed"] for cell in load_text(HEAD + "matrix: {seed: [3, 5]}").cells] == [3, 5]
    recipe = load_text(HEAD + "seed: ${matrix.seed}\nmatrix: {seed: [3, 5]}")
    assert [cell.config["seed"] for cell in recipe.cells] == [3, 5]
    assert problems(HEAD + "seed: 1\nmatrix: {seed: [3, 5]}") == (
        "recipe.yaml:5:10: matrix.seed: nothing refers to ${matrix.seed} (the recipe has a seed of its own)\n"
    )
    assert problems(HEAD + "matrix: {seed: [-1, x]}") == dedent(
        """\
        recipe.yaml:4:17: seed: must be at least 0, not -1
        recipe.yaml:4:21: seed: expects an integer, not 'x'
        """
    )


def test_exclude(load_text: Load) -> None:
    matrix = """
        a: [x, {use: y, size: 2}, z]
        b: [1, 2]
        exclude: [{a: x, b: 1}, {a: y}, {b: 2.0, a: z}]
        """
    assert labels(load_text(with_matrix(matrix, "a b"))) == [("x", 2), ("z", 1)]


def test_include(load_text: Load) -> None:
    matrix = """
        a: [x, {use: y, size: 2}]
        b: [1, 2]
        exclude: [{b: 2}]
        include: [{a: y, b: 2}, {a: w}, {b: 3}]
        """
    recipe = load_text(with_matrix(matrix, "a b"))
    assert labels(recipe) == [("x", 1), ("y", 1), ("y", 2), ("w", 1), ("x", 3)]


def test_nothing_but_include(load_text: Load) -> None:
    matrix = "include: [{a: x, b: 1}, {b: 2, a: {label: y, size: 3}}]"
    assert labels(load_text(with_matrix(matrix, "a b"))) == [("x", 1), ("y", 2)]


@pytest.mark.parametrize(
    ("matrix", "used", "expected"),
    [
        ("a: [x]", "", "6:3: matrix.a: nothing refers to ${matrix.a}"),
        ("a: x", "a", "6:6: matrix.a: expects a list of values, not 'x'"),
        ("a: []", "a", "6:6: matrix.a: has no values"),
        ("a: [[1]]", "a", "6:7: matrix.a[0]: expects a single value or a map, not a list"),
        ("a: [null]", "a", "6:7: matrix.a[0]: expects a single value or a map, not nothing"),
        ("a: [1, 1.0]", "a", "6:10: matrix.a[1]: axis a has two values 1.0"),
        (
            "a: [{use: x}, {use: x, b: 1}]",
            "a",
            "6:17: matrix.a[1]: axis a has two values 'x'; give this one a label of its own",
        ),
        ("a: [{b: 1}]", "a", "6:7: matrix.a[0]: needs a label, a single value"),
        ("a: [{label: [x]}]", "a", "6:15: matrix.a[0]: needs a label, a single value"),
        ("image: [1]", "image", "6:3: matrix.image: the cube has something else of this name; call the axis otherwise"),
        ("A: [1]", "", "6:3: matrix.A: an axis has lower case, digits, - and _ in its name, a letter first"),
        ("a: [1]\nexclude: {a: 1}", "a", "7:12: matrix.exclude: expects a list of maps, not a map"),
        (
            "a: [1]\nexclude: [{}]",
            "a",
            "7:13: matrix.exclude[0]: expects a map of axis: value",
        ),
        ("a: [1]\nexclude: [{b: 1}]", "a", "7:14: matrix.exclude[0].b: unknown axis; there are a"),
        ("a: [1, 2]\nexclude: [{a: 3}]", "a", "7:17: matrix.exclude[0].a: axis a has no 3, only 1 or 2"),
        (
            "a: [1, 2]\nb: [1]\nexclude: [{a: 1}, {a: 1, b: 1}]",
            "a b",
            "8:21: matrix.exclude[1]: excludes nothing: no cell that is left agrees with it",
        ),
        ("a: [1]\nexclude: [{a: 1}]", "a", "6:3: matrix: leaves no cell"),
        ("a: [1]\ninclude: [{b: 1}]", "a", "7:14: matrix.include[0].b: unknown axis; there are a"),
        ("a: [1]\ninclude: [{a: 1}]", "a", "7:13: matrix.include[0]: is a cell already"),
        ("a: [1]\ninclude: [{a: 2}, {a: 2}]", "a", "7:21: matrix.include[1]: is a cell already"),
        (
            "include: [{a: 1, b: 1}, {a: 2}]",
            "a b",
            "6:27: matrix.include[1]: lacks b, for which there is no first value",
        ),
        ("{}", "", "6:3: matrix: leaves no cell"),
        ("[a]", "", "6:3: matrix: expects a map of axes, not a list"),
    ],
)
def test_mistakes(problems: Problems, matrix: str, used: str, expected: str) -> None:
    found = problems(with_matrix(matrix, used))
    assert found == "".join(f"recipe.yaml:{line}\n" for line in expected.splitlines())


def test_too_many_cells(problems: Problems) -> None:
    values = ", ".join(map(str, range(400)))
    text = with_matrix(f"a: [{values}]\nb: [{values}]", "a b") + "\nsed: 1"
    assert problems(text) == dedent(
        """\
        recipe.yaml:6:3: matrix: 160000 combinations are more than 100000; split the recipe
        recipe.yaml:8:1: sed: unknown key, did you mean seed?
        """
    )


def test_the_cube_keeps_its_names() -> None:
    layout = pytest.importorskip("percept_store.cube.layout")
    assert layout.RESERVED <= TAKEN
    assert TAKEN.isdisjoint(layout.FACTORS)
