"""What checking a recipe brings to light: problems, and the components that it uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from percept.schema.node import Node, Position


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake. As text: `recipe.yaml:7:5: optimize.steps: is required`, always a single printable line."""

    position: Position
    path: str
    message: str

    def __str__(self) -> str:
        text = ": ".join(filter(None, (str(self.position), self.path, self.message)))
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True)
class Use:
    """A component that a recipe names. `places`: `use`, and each parameter → where it stands and its key path."""

    kind: str
    name: str
    parameters: Mapping[str, Any]
    places: Mapping[str, tuple[Position, str]]
    reserved: tuple[str, ...]


@dataclass
class Findings:
    """Collected while schemas read nodes. A value that was read with problems must not be used.

    While `learning`, what each node was read as is kept in `known`, by node, schema and path; the next cells of the
    same recipe, which have most nodes in common, take it from there.
    """

    problems: list[Problem] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    learning: bool = False
    known: dict[tuple[Node, int, str], Any] = field(default_factory=dict)

    def add(self, position: Position, path: str, message: str) -> None:
        """Note a problem and go on."""
        self.problems.append(Problem(position, path, message))
