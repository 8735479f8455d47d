"""Lists, and maps with keys of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from percept.schema.base import Names, Schema, placeholder_or
from percept.schema.node import is_resolved
from percept.schema.scalar import Type, schema_of
from percept.schema.words import join

if TYPE_CHECKING:
    from percept.schema.findings import Findings
    from percept.schema.node import Node


@dataclass(frozen=True)
class List(Schema):
    """Items of one kind, at least `minimum` of them. `lone`: a single item need not be in brackets.

    Items that read as None (a component `none`) are left out of the value, not out of the paths in messages.
    """

    of: Schema | Type
    minimum: int = 0
    lone: bool = False

    @cached_property
    def item(self) -> Schema:
        """The schema of each item."""
        return schema_of(self.of)

    @property
    def expects(self) -> str:
        return f"{self.item.expects}, or a list of such" if self.lone else "a list"

    def accepts(self, node: Node) -> bool:
        return isinstance(node.value, list) or (self.lone and self.item.accepts(node))

    def read(self, node: Node, path: str, findings: Findings) -> list[Any]:
        before = len(findings.problems)
        if not isinstance(node.value, list):
            values = [self.item.validate(node, path, findings)]
        else:
            values = [self.item.validate(child, join(path, i), findings) for i, child in enumerate(node.value)]
        kept = [value for value in values if value is not None]
        if len(kept) < self.minimum and len(findings.problems) == before and is_resolved(node):
            findings.add(node.position, path, f"needs at least {self.minimum} item{'s' if self.minimum > 1 else ''}")
        return kept

    def to_json_schema(self, names: Names) -> dict[str, Any]:
        item = self.item.to_json_schema(names)
        schema = placeholder_or({"type": "array", "items": item, "minItems": self.minimum})
        return {"anyOf": [*schema["anyOf"], item]} if self.lone else schema


@dataclass(frozen=True)
class Map(Schema):
    """A map whose keys are the user's own, and whose values are of one kind."""

    of: Schema | Type

    @cached_property
    def item(self) -> Schema:
        """The schema of each value."""
        return schema_of(self.of)

    @property
    def expects(self) -> str:
        return "a map"

    def accepts(self, node: Node) -> bool:
        return isinstance(node.value, dict)

    def read(self, node: Node, path: str, findings: Findings) -> dict[str, Any]:
        return {key: self.item.validate(child, join(path, key), findings) for key, child in node.value.items()}

    def to_json_schema(self, names: Names) -> dict[str, Any]:
        return placeholder_or({"type": "object", "additionalProperties": self.item.to_json_schema(names)})
