"""Either this or that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from percept.schema.base import Names, Schema
from percept.schema.scalar import Type, schema_of
from percept.schema.words import either

if TYPE_CHECKING:
    from percept.schema.findings import Findings
    from percept.schema.node import Node


class Union(Schema):
    """The first of several schemas whose shape fits."""

    def __init__(self, *of: Schema | Type) -> None:
        self.of = tuple(map(schema_of, of))

    @property
    def expects(self) -> str:
        return either(schema.expects for schema in self.of)

    def accepts(self, node: Node) -> bool:
        return any(schema.accepts(node) for schema in self.of)

    def read(self, node: Node, path: str, findings: Findings) -> Any:
        fitting = next(schema for schema in self.of if schema.accepts(node))
        return fitting.read(node, path, findings)

    def to_json_schema(self, names: Names) -> dict[str, Any]:
        return {"anyOf": [schema.to_json_schema(names) for schema in self.of]}
