"""`${env:NAME}`, `${env:NAME:default}` and `${matrix.axis}`; `$${` stands for a literal `${`."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from percept.recipe.nodes import scalar
from percept.schema import UNRESOLVED, Findings, Node
from percept.schema.words import join, shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)(?P<end>\}?)")
_ENV = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:.*)?", re.DOTALL)
_AXIS = re.compile(r"matrix\.(?P<name>[^.{}]+)(?:\.(?P<key>[^{}]+))?")

Axes = Mapping[str, Mapping[str, Node]]
"""Axis → the parts that a placeholder may ask for: "" is the whole value, and there is `label`, and each key of a map."""


class Filler:
    """Fills in the placeholders of a tree. `axes` is None where none may be referred to: in the matrix itself."""

    def __init__(self, axes: Axes | None, findings: Findings) -> None:
        self.axes, self.findings = axes, findings

    def fill(self, node: Node, path: str) -> Node:
        """The node without placeholders; the same node if it has none. What cannot be filled in becomes UNRESOLVED."""
        if isinstance(node.value, str):
            return self._text(node, path) if "${" in node.value else node
        if isinstance(node.value, dict):
            filled = {key: self.fill(child, join(path, key)) for key, child in node.value.items()}
            same = all(filled[key] is child for key, child in node.value.items())
            return node if same else Node(filled, node.position, node.keys)
        if isinstance(node.value, list):
            items = [self.fill(child, join(path, i)) for i, child in enumerate(node.value)]
            same = all(new is old for new, old in zip(items, node.value, strict=True))
            return node if same else Node(items, node.position)
        return node

    def _text(self, node: Node, path: str) -> Node:
        whole = _TOKEN.fullmatch(node.value)
        if whole and whole["inside"] is not None:
            return self._value(whole, node, path)
        unresolved = False

        def piece(match: re.Match[str]) -> str:
            nonlocal unresolved
            if match["inside"] is None:
                return "${"
            value = self._value(match, node, path).value
            if isinstance(value, dict):
                self.findings.add(node.position, path, f"{match[0]} is a map, and cannot be part of a text")
            unresolved = unresolved or value is UNRESOLVED or isinstance(value, dict)
            return value if isinstance(value, str) else shown(value)

        text = _TOKEN.sub(piece, node.value)
        return Node(UNRESOLVED if unresolved else text, node.position)

    def _value(self, match: re.Match[str], node: Node, path: str) -> Node:
        inside, lookup = match["inside"], self._lookup(match)
        if lookup is None:
            message = f"unknown placeholder {match[0]}: there are ${{env:NAME}}, ${{env:NAME:default}} and ${{matrix.axis}}"
            self.findings.add(node.position, path, message)
            return Node(UNRESOLVED, node.position)
        found = lookup(inside)
        if isinstance(found, str):
            self.findings.add(node.position, path, found)
            return Node(UNRESOLVED, node.position)
        return found if isinstance(found, Node) else Node(found[0], node.position)
