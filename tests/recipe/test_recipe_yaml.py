"""The YAML that recipes are written in: values, positions, and what it has not."""

from __future__ import annotations

import pytest
from percept.recipe.nodes import parse
from percept.schema import Findings, Position, plain


def read(text: str) -> object:
    findings = Findings()
    node = parse(text, lambda mark: Position("r.yaml", mark.line + 1, mark.column + 1), findings)
    assert findings.problems == []
    assert node is not None
    return plain(node)


def wrong(text: str) -> list[str]:
    findings = Findings()
    parse(text, lambda mark: Position("r.yaml", mark.line + 1, mark.column + 1), findings)
    return [str(problem) for problem in findings.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2.0e-4", 2e-4),
        ("1E5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.5e+1", -5.0),
        ("010", 10),
        ("+7", 7),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-02", "2024-01-02"),
        ("true", True),
        ("False", "False"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("'1e-4'", "1e-4"),
        ('"true"', "true"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


def test_an_empty_value_is_null_and_keys_are_text() -> None:
    assert read("a:\n1: b\ntrue: c") == {"a": None, "1": "b", "true": "c"}


def test_an_anchor_is_shared() -> None:
    assert read("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}


def test_every_node_has_its_place() -> None:
    node = parse("a:\n  - {b: 1}\n", lambda mark: Position("r", mark.line + 1, mark.column + 1), Findings())
    assert node is not None
    assert node.keys["a"] == Position("r", 1, 1)
    item = node.value["a"].value[0]
    assert (item.position, item.keys["b"], item.value["b"].position) == (
        Position("r", 2, 5),
        Position("r", 2, 6),
        Position("r", 2, 9),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "r.yaml:4:3: b.c: is given twice, first at r.yaml:3:3"),
        ("a: !!python/object:os.system x", "r.yaml:1:4: recipes have no tags: leave out the !"),
        ("a: !!int '3'", "r.yaml:1:4: recipes have no tags: leave out the !"),
        ("a: ! x", "r.yaml:1:4: recipes have no tags: leave out the !"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "r.yaml:3:3: c.<<: recipes have no merge keys; use extends"),
        ("a: &x\n  b: *x", "r.yaml:1:4: a.b: an alias refers to what contains it"),
        ("? [a]\n: b", "r.yaml:1:3: a key must be a word"),
        ("a: 1e999", "r.yaml:1:4: a: this number is too large"),
        ("a: 100000000000000000000", "r.yaml:1:4: a: this number is too large"),
        ('a: "\\ud800"', "r.yaml:1:4: a: half a surrogate pair is no character"),
        ('"\\ud800": a', "r.yaml:1:1: half a surrogate pair is no character"),
        ('a: "\\U00110000"', "r.yaml:1:7: not valid YAML: this escape names no character"),
        ("a: b\nc: \0", "r.yaml:2:4: not valid YAML: character U+0000 must be escaped"),
        ("a: *b", "r.yaml:1:4: not valid YAML: found undefined alias 'b'"),
        (
            "a: [1",
            "r.yaml:1:6: not valid YAML: expected ',' or ']', but got '<stream end>', while parsing a flow sequence",
        ),
        (
            "a:\n\t- b",
            "r.yaml:2:1: not valid YAML: found character '\\t' that cannot start any token, "
            "while scanning for the next token",
        ),
        (
            "a: b\n---\nc: d",
            "r.yaml:2:1: not valid YAML: but found another document, expected a single document in the stream",
        ),
        (
            "a: {use: ${matrix.x}}",
            "r.yaml:1:11: not valid YAML: expected ',' or '}', but got '{', while parsing a flow mapping; "
            "inside [ ] and { }, put ${…} in quotes",
        ),
        ("a: " + "[" * 60, "r.yaml:1:54: not valid YAML: nested more than 50 deep"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    assert wrong(text) == [problem]


def test_aliases_cannot_blow_up() -> None:
    lines = ["a0: &a0 [1, 1]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    assert wrong("\n".join(lines)) == ["r.yaml:1:1: aliases make this recipe too large"]


def test_aliases_cannot_nest_without_end() -> None:
    lines = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 2000)]
    assert wrong("\n".join(lines)) == ["r.yaml:1:1: aliases make this recipe too large"]
