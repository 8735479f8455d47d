"""What a recipe comes to: cells, each with all that its run needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from percept.recipe.locate import locate
from percept.schema import Node, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Cell:
    """One combination of the matrix.

    recipe    the recipe's name
    index     its number in the recipe, from 0
    factors   matrix axis → label
    config    data, generator, the stages, seed and runtime: placeholders filled in, defaults too; plain JSON values,
              shared between cells: not to be changed
    """

    recipe: str
    index: int
    factors: Mapping[str, Any]
    config: Mapping[str, Any]
    tree: Node = field(repr=False, compare=False)

    def problem(self, path: str, message: str) -> str:
        """`recipe.yaml:7:5: path: message`, for a path into `config` such as `optimize.fidelity[1].window`.

        The path is shown as the recipe writes it. Where the recipe leaves a key to its default, the position is that of
        what the key would stand in.
        """
        position, written = locate(self.tree, self.config, path)
        return str(Problem(position, written, message))


@dataclass(frozen=True)
class Recipe:
    """A recipe without mistakes.

    name, summary   what it says of itself; the name is that of the file if it says none
    path            its file, absolute
    text            its file's content
    overrides       the `a.b=value` that were applied to it
    cells           at least one
    """

    name: str
    summary: str
    path: Path
    text: str = field(repr=False)
    overrides: tuple[str, ...]
    cells: tuple[Cell, ...] = field(repr=False)
