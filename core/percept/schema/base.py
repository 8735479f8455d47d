"""What all schemas have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from percept.schema.node import UNRESOLVED, Node
from percept.schema.words import mismatch

if TYPE_CHECKING:
    from percept.schema.findings import Findings

Names = Mapping[str, Sequence[str]]
"""Component kind → the names that are installed: what editors may offer."""

PLACEHOLDER: Mapping[str, Any] = {"$ref": "#/$defs/placeholder"}
"""The JSON Schema of `${matrix.x}`, which may stand for any value; the whole document defines it."""


class Schema(ABC):
    """Reads a node into a plain value."""

    @property
    @abstractmethod
    def expects(self) -> str:
        """What this schema takes, for `expects …, not 'x'`."""

    @abstractmethod
    def accepts(self, node: Node) -> bool:
        """Whether the node has the right shape; its parts may still have mistakes."""

    def hint(self, node: Node) -> str:  # noqa: ARG002  # for those who know one
        """What to write instead of a node that it does not accept."""
        return ""

    @abstractmethod
    def read(self, node: Node, path: str, findings: Findings) -> Any:
        """The plain value of a node of the right shape, defaults filled in."""

    @abstractmethod
    def to_json_schema(self, names: Names) -> dict[str, Any]:
        """The JSON Schema (2020-12) of what this schema takes."""

    def validate(self, node: Node, path: str, findings: Findings) -> Any:
        """The plain value of `node`. All mistakes go to `findings`, with `path` and their positions; none is raised."""
        if node.value is UNRESOLVED:
            return None
        if not self.accepts(node):
            findings.add(node.position, path, mismatch(self.expects, node) + self.hint(node))
            return None
        key = (node, id(self), path)
        if key in findings.known:
            return findings.known[key]
        value = self.read(node, path, findings)
        if findings.learning:
            findings.known[key] = value
        return value


def placeholder_or(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a value that a placeholder may stand for."""
    return {"anyOf": [dict(schema), dict(PLACEHOLDER)]}
