"""`${env:NAME}`, `${env:NAME:default}` and `${matrix.axis}`; `$${` stands for a literal `${`."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from percept.recipe.nodes import scalar
from percept.schema import UNRESOLVED, Findings, Node, Position
from percept.schema.words import join, shown, suggestion

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)(?P<end>\}?)")
_ENV = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<default>.*))?", re.DOTALL)
_AXIS = re.compile(r"matrix\.(?P<name>[^.]+)(?:\.(?P<part>.+))?", re.DOTALL)

Axes: TypeAlias = Mapping[str, Mapping[str, Node]]
"""Axis → what placeholders may ask of its value: "" for all of it, `label`, and each key if it is a map."""


class _MissingError(Exception):
    """A placeholder that nothing fills in, and why; without a text where that is reported already."""


class Filler:
    """Fills in the placeholders of a tree. `axes` is None in the matrix itself, where none may be referred to."""

    def __init__(self, axes: Axes | None, findings: Findings) -> None:
        self.axes, self.findings = axes, findings

    def fill(self, node: Node, path: str) -> Node:
        """The node without placeholders; the same node if it has none. What nothing fills in becomes UNRESOLVED.

        A placeholder that is the whole value gives its value, of whatever type (for `env`: a number or true or false
        if it reads as one); as part of a text it gives text.
        """
        value = node.value
        if isinstance(value, str):
            return self._text(node, path) if "${" in value else node
        if isinstance(value, dict):
            filled = {key: self.fill(child, join(path, key)) for key, child in value.items()}
            same = all(filled[key] is child for key, child in value.items())
            return node if same else Node(filled, node.position, node.keys)
        if isinstance(value, list):
            items = [self.fill(child, join(path, i)) for i, child in enumerate(value)]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return node if same else Node(items, node.position)
        return node

    def _text(self, node: Node, path: str) -> Node:
        try:
            whole = _TOKEN.fullmatch(node.value)
            if whole and whole["inside"] is not None:
                return self._lookup(whole, node.position)
            return Node(_TOKEN.sub(lambda match: self._piece(match, node.position), node.value), node.position)
        except _MissingError as error:
            if str(error):
                self.findings.add(node.position, path, str(error))
            return Node(UNRESOLVED, node.position)

    def _piece(self, match: re.Match[str], position: Position) -> str:
        if match["inside"] is None:
            return "${"
        if match["end"] and (env := _ENV.fullmatch(match["inside"])):
            return _environment(env["name"], env["default"])
        value = self._lookup(match, position).value
        if isinstance(value, dict | list):
            raise _MissingError(f"{match[0]} is {shown(value)}, which cannot be part of a text")
        return value if isinstance(value, str) else shown(value)

    def _lookup(self, match: re.Match[str], position: Position) -> Node:
        if not match["end"]:
            raise _MissingError("unclosed ${; write $${ for a literal ${")
        if env := _ENV.fullmatch(match["inside"]):
            return Node(_typed(_environment(env["name"], env["default"])), position)
        if axis := _AXIS.fullmatch(match["inside"]):
            return self._axis(axis["name"], axis["part"] or "")
        known = "there are ${env:NAME}, ${env:NAME:default} and ${matrix.AXIS}"
        raise _MissingError(f"unknown placeholder {match[0]}; {known}, and $${{ for a literal ${{")

    def _axis(self, name: str, part: str) -> Node:
        if self.axes is None:
            raise _MissingError("an axis cannot refer to another")
        if name not in self.axes:
            raise _MissingError(f"unknown axis {name}" + suggestion(name, self.axes, "matrix has"))
        parts = self.axes[name]
        if parts[""].value is UNRESOLVED:
            raise _MissingError
        if part not in parts:
            label = shown(parts["label"].value)
            raise _MissingError(
                f"{label} of axis {name} has no {part}" + suggestion(part, filter(None, parts), "it has")
            )
        return parts[part]


def references(node: Node) -> Iterator[str]:
    """The axes that the placeholders of a tree refer to."""
    if isinstance(node.value, dict | list):
        for child in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from references(child)
    elif isinstance(node.value, str):
        insides = (match["inside"] or "" for match in _TOKEN.finditer(node.value))
        yield from (axis["name"] for axis in map(_AXIS.fullmatch, insides) if axis)


def _environment(name: str, default: str | None) -> str:
    text = os.environ.get(name, default)
    if text is None:
        raise _MissingError(f"environment variable {name} is not set; ${{env:{name}:default}} would give it a default")
    if not _is_text(text):
        raise _MissingError(f"environment variable {name} is not UTF-8")
    return text


def _typed(text: str) -> Any:
    value = scalar(text)
    return text if value is None or (isinstance(value, float) and math.isinf(value)) else value


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
