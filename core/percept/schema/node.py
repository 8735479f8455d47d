"""Values that know where they were written."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file; line and column count from 1. Line 0: no file, `file` says all (`--set seed`)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class _Unresolved:
    def __repr__(self) -> str:
        return "UNRESOLVED"


UNRESOLVED: Final = _Unresolved()
"""The value of a placeholder that could not be filled in: its problem is reported already, so nothing checks it."""

NOWHERE = Position("")


@dataclass(frozen=True, eq=False)
class Node:
    """A value as written: None, bool, int, float, str, UNRESOLVED, a list of nodes, or a dict of str → Node.

    `keys` has the position of each key of a dict. Nodes are shared, never changed.
    """

    value: Any
    position: Position = NOWHERE
    keys: Mapping[str, Position] = field(default_factory=dict)

    def at(self, key: str) -> Position:
        """Where the key stands, or the map itself where the key has no place of its own."""
        return self.keys.get(key, self.position)

    def only(self, keys: Container[str]) -> Node:
        """The same map with those of its keys that are in `keys`."""
        kept = {k: v for k, v in self.value.items() if k in keys}
        return Node(kept, self.position, self.keys)


def node_of(value: Any, position: Position = NOWHERE) -> Node:
    """The node of a plain value, all of it at one position."""
    if isinstance(value, Mapping):
        keys = {str(k): position for k in value}
        return Node({str(k): node_of(v, position) for k, v in value.items()}, position, keys)
    if isinstance(value, list | tuple):
        return Node([node_of(v, position) for v in value], position)
    return Node(value, position)


def plain(node: Node) -> Any:
    """The value without positions; placeholders that could not be filled in become None."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return None if value is UNRESOLVED else value


def is_resolved(node: Node) -> bool:
    """Whether every placeholder in it could be filled in."""
    if isinstance(node.value, dict):
        return all(map(is_resolved, node.value.values()))
    if isinstance(node.value, list):
        return all(map(is_resolved, node.value))
    return node.value is not UNRESOLVED
