"""Schemas by themselves: what they read, and what cannot be declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from percept.schema import (
    UNRESOLVED,
    Component,
    Field,
    Findings,
    List,
    Map,
    Node,
    Scalar,
    Schema,
    Section,
    Union,
    node_of,
)


def read(schema: Schema, value: Any) -> tuple[Any, list[str]]:
    findings = Findings()
    return schema.validate(node_of(value), "k", findings), [str(problem) for problem in findings.problems]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (Scalar(float), 3, 3.0),
        (Scalar(Path), "a/b", "a/b"),
        (Scalar(object), False, False),
        (Scalar(int, choices=(1, 2)), 2, 2),
        (List(int), [], []),
        (List(int, lone=True), 4, [4]),
        (Map(int), {"a": 1}, {"a": 1}),
        (Union(bool, List(int)), True, True),
        (Union(bool, List(int)), [1], [1]),
        (Union(str, Map(str)), {"a": "b"}, {"a": "b"}),
        (Section({"a": Field(int), "b": Field(List(int), default=[1])}, short="a"), {}, {"a": None, "b": [1]}),
        (Component("x"), {"use": {"use": "a", "b": 1, "c": 2}, "c": 3}, {"use": "a", "parameters": {"b": 1, "c": 3}}),
        (Component("x", optional=True), {"use": "none", "b": 1}, None),
        (List(Component("x", optional=True)), ["none", "a"], [{"use": "a", "parameters": {}}]),
    ],
)
def test_reading(schema: Schema, value: Any, expected: Any) -> None:
    found, problems = read(schema, value)
    assert (found, problems) == (expected, [])
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        (Scalar(int), 3.0, "k: expects an integer, not 3.0: write 3"),
        (Scalar(int), 3.5, "k: expects an integer, not 3.5"),
        (Scalar(int), True, "k: expects an integer, not true"),
        (Scalar(float), "1", "k: expects a number, not '1'"),
        (Scalar(bool), 1, "k: expects true or false, not 1"),
        (Scalar(str), None, "k: expects text, not nothing"),
        (Scalar(str), 1, "k: expects text, not 1: put it in quotes"),
        (Scalar(str), "x" * 100, ""),
        (Scalar(int), "x" * 100, f"k: expects an integer, not '{'x' * 60}…'"),
        (Scalar(Path), "", "k: expects a path, not ''"),
        (Scalar(object), [1], "k: expects a single value, not a list"),
        (Scalar(str, choices=("a", "b")), 3, "k: expects a or b, not 3"),
        (List(int), {"a": 1}, "k: expects a list, not a map"),
        (List(int, lone=True), "x", "k: expects an integer, or a list of such, not 'x'"),
        (List(int), [1, "x"], "k[1]: expects an integer, not 'x'"),
        (Map(int), {"a": "x"}, "k.a: expects an integer, not 'x'"),
        (Union(int, Map(int)), "x", "k: expects an integer or a map, not 'x'"),
        (Component("fidelity_loss"), "none", "k: a fidelity loss is needed here, not none"),
        (Component("assessor"), 3, "k: expects the name of an assessor or a map with use: NAME, not 3"),
        (Component("assessor"), "", "k: expects the name of an assessor or a map with use: NAME, not ''"),
    ],
)
def test_mistakes(schema: Schema, value: Any, problem: str) -> None:
    assert read(schema, value)[1] == ([problem] if problem else [])


def test_what_is_not_resolved_is_not_checked() -> None:
    findings = Findings()
    node = Node({"use": Node("a"), "x": Node([Node(UNRESOLVED)])})
    assert Component("x").validate(node, "", findings) == {"use": "a", "parameters": {"x": [None]}}
    assert Scalar(int).validate(Node(UNRESOLVED), "", findings) is None
    assert (findings.problems, findings.uses) == ([], [])


def test_a_default_must_be_of_its_type() -> None:
    with pytest.raises(ValueError, match=r"default 'x': expects an integer, not 'x'"):
        Field(int, default="x")
    with pytest.raises(ValueError, match="a required key has no default"):
        Field(int, required=True, default=1)
    with pytest.raises(ValueError, match=r"default \{'b': 1\}: unknown key; there are a"):
        Field(Section({"a": Field(int)}), default={"b": 1})


def test_a_component_has_its_use_to_itself() -> None:
    with pytest.raises(ValueError, match="cannot be reserved"):
        Component("x", Section({"use": Field(str)}))
