"""The axes of a matrix: their names, their values, and the labels that values are known by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from percept.schema import UNRESOLVED, Findings, Node
from percept.schema.words import join, mismatch, shown

PATH = "matrix"
# What the cube calls its dimensions, coordinates and variables; the axes stand beside them as coordinates of runs.
TAKEN = frozenset(
    """
    run recipe recipes run_status reason seconds created
    assessor assessor_key assessor_name assessor_version direction range_low range_high reference_kind colour variant
    image dataset image_sha256 height width mos mos_std distortion_type rated_reference
    score status output input reference cell_reasons
    curves curve curve_run curve_series row_size obs step value
    """.split()  # noqa: SIM905  # a table reads better so
)
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Value:
    """One value of an axis: its label, a single value, and what placeholders are filled with."""

    label: Any
    node: Node

    @property
    def identity(self) -> tuple[str, Any]:
        """Equal for labels that a reader takes for the same: 1 and 1.0, but not 1 and true."""
        number = isinstance(self.label, int | float) and not isinstance(self.label, bool)
        return ("number", float(self.label)) if number else (type(self.label).__name__, self.label)

    def parts(self) -> dict[str, Node]:
        """What placeholders may ask for: see `placeholders.Axes`."""
        inside = self.node.value if isinstance(self.node.value, dict) else {}
        return {**inside, "label": Node(self.label, self.node.position), "": self.node}


Combination: TypeAlias = Mapping[str, Value]


def name_problem(name: str) -> str:
    """Why an axis cannot be called so; empty if it can."""
    if not _NAME.fullmatch(name):
        return "an axis has lower case, digits, - and _ in its name, a letter first"
    return "the cube has something else of this name; call the axis otherwise" if name in TAKEN else ""


def read_axis(name: str, node: Node, findings: Findings) -> list[Value]:
    """The values of an axis, at least one; in the place of one that is wrong stands one that nothing checks."""
    path = join(PATH, name)
    if not isinstance(node.value, list) or not node.value:
        wrong = "has no values" if node.value == [] else mismatch("a list of values", node)
        findings.add(node.position, path, wrong)
        return [_unresolved(node)]
    values: dict[tuple[str, Any], Value] = {}
    for index, child in enumerate(node.value):
        value = read_value(child, join(path, index), findings)
        if value.label is not None and value.identity in values:
            hint = "; give this one a label of its own" if isinstance(value.node.value, dict) else ""
            findings.add(child.position, join(path, index), f"axis {name} has two values {shown(value.label)}{hint}")
        values.setdefault(value.identity, value)
    return list(values.values())


def read_value(node: Node, path: str, findings: Findings) -> Value:
    """A value of an axis; if it is wrong, that is a problem, and its label is None."""
    if isinstance(node.value, dict):
        return _labelled(node, path, findings)
    if isinstance(node.value, list) or node.value is None:
        findings.add(node.position, path, mismatch("a single value or a map", node))
        return _unresolved(node)
    return _unresolved(node) if node.value is UNRESOLVED else Value(node.value, node)


def _labelled(node: Node, path: str, findings: Findings) -> Value:
    label = node.value.get("label") or node.value.get("use")
    if label is None or label.value is None or isinstance(label.value, dict | list):
        findings.add((label or node).position, path, "needs a label, a single value")
        return _unresolved(node)
    rest = node.only([key for key in node.value if key != "label"])
    return _unresolved(node) if label.value is UNRESOLVED else Value(label.value, rest)


def _unresolved(node: Node) -> Value:
    return Value(None, Node(UNRESOLVED, node.position))
