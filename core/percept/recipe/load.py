"""From a file to cells: read, compose, override, cross, fill in, validate; all mistakes at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from percept.errors import InputError, RecipeError
from percept.recipe.axes import PATH as MATRIX
from percept.recipe.axes import name_problem
from percept.recipe.cell import Cell, Recipe
from percept.recipe.components import CheckComponent, check_components
from percept.recipe.compose import Composer
from percept.recipe.document import body, check_head
from percept.recipe.find import display, find
from percept.recipe.matrix import Matrix, read_matrix
from percept.recipe.overrides import override
from percept.recipe.placeholders import Filler, references
from percept.recipe.source import read_text
from percept.schema import Findings, Node, Position, Section
from percept.schema.words import join

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SEED = "seed"


def load(
    recipe: str | Path,
    stages: Mapping[str, Section],
    overrides: Sequence[str] = (),
    check_component: CheckComponent | None = None,
) -> Recipe:
    """Load a recipe by path, or by name among the shipped ones.

    stages            stage → schema: `percept.stages.SCHEMAS`, which this package does not know by itself
    overrides         `a.b=value`, `a[1].b=value`: applied in this order, after `extends`
    check_component   (kind, name, parameters) → [(parameter or `use`, what is wrong)], asked once for each different
                      component

    Raises RecipeError with all the mistakes, each `file:line:column: key.path: what`, in the order of the file.
    """
    try:
        path = find(str(recipe))
        text = read_text(path)
    except InputError as error:
        raise RecipeError([f"{recipe}: {error}"]) from error
    findings = Findings()
    tree = Composer(findings).compose(path, text)
    if tree is None:
        raise _error(findings)
    for change in overrides:
        tree = override(tree, change, findings)
    loader = _Loader(tree, stages, findings)
    name, summary = loader.head(path)
    cells = tuple(loader.cells(name))
    if check_component is not None:
        check_components(findings.uses, check_component, findings)
    if findings.problems:
        raise _error(findings)
    return Recipe(name, summary, path.resolve(), text, tuple(overrides), cells)


class _Loader:
    def __init__(self, tree: Node, stages: Mapping[str, Section], findings: Findings) -> None:
        self.tree, self.stages, self.findings = tree, stages, findings
        self.schema = body(stages)

    def head(self, path: Path) -> tuple[str, str]:
        """Name and summary."""
        name, summary = check_head(self.tree, self.stages, self.findings)
        derived = "-".join(re.findall("[a-z0-9]+", path.stem.lower()))
        if not name and not derived:
            self.findings.add(Position(display(path), 1, 1), "name", "is required: the file's own name has no letters")
        return name or derived, summary

    def cells(self, recipe: str) -> Iterator[Cell]:
        """The cells, wrong ones among them: the problems are in the findings."""
        node = self.tree.value.get(MATRIX)
        matrix = read_matrix(node and Filler(None, self.findings).fill(node, MATRIX), self.findings)
        template = self.tree.only(self.schema.fields)
        self._check_axes(matrix, template)
        for index, combination in enumerate(matrix.combinations):
            axes = {name: value.parts() for name, value in combination.items()}
            filled = Filler(axes, self.findings).fill(template, "")
            if SEED in combination and SEED not in filled.value:
                value = combination[SEED].node
                filled = Node({**filled.value, SEED: value}, filled.position, {**filled.keys, SEED: value.position})
            self.findings.learning = index == 0
            config = self.schema.read(filled, "", self.findings)
            yield Cell(recipe, index, {name: v.label for name, v in combination.items()}, config, filled)

    def _check_axes(self, matrix: Matrix, template: Node) -> None:
        used = set(references(template))
        if SEED not in template.value:
            used.add(SEED)
        for name in matrix.axes:
            problem = name_problem(name)
            if not problem and name not in used:
                problem = f"nothing refers to ${{matrix.{name}}}"
                problem += " (the recipe has a seed of its own)" if name == SEED else ""
            if problem:
                self.findings.add(self.tree.value[MATRIX].at(name), join(MATRIX, name), problem)


def _error(findings: Findings) -> RecipeError:
    return RecipeError([str(problem) for problem in sorted(set(findings.problems))])
