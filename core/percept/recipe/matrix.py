"""The matrix: axes → combinations, one a cell.

    matrix:
      perceptual: [ms-ssim, {use: dists, backbone: vgg16, label: dists-vgg16}]
      seed: [0, 1]
      exclude: [{perceptual: ms-ssim, seed: 1}]
      include: [{perceptual: gmsd}]

An axis is a list of single values or maps. A map is known by its `label`, else by its `use`. All combinations are
cells, the last axis turning fastest, but for those that agree with an entry of `exclude` in every axis that the entry
names. An entry of `include` is one more cell after them: it gives values that the axis has (by label), or new ones;
axes that it does not name take their first value. A matrix that is nothing but `include` has the axes of its entries,
and then each entry names all of them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from percept.recipe.axes import PATH, Combination, Value, read_axis, read_value
from percept.schema import Findings, Node
from percept.schema.words import either, join, mismatch, shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_CELLS = 100_000
_ENTRIES = ("include", "exclude")


@dataclass(frozen=True)
class Matrix:
    """Axes with their values, and the combinations that are cells; without a matrix the one empty combination."""

    axes: Mapping[str, Sequence[Value]]
    combinations: Sequence[Combination]


def read_matrix(node: Node | None, findings: Findings) -> Matrix:
    """The matrix of a recipe, its placeholders filled in already. What is wrong goes to `findings` and is left out.

    There is always a combination, so that the rest of the recipe can be checked.
    """
    if node is None or node.value is None:
        return Matrix({}, [{}])
    if not isinstance(node.value, dict):
        findings.add(node.position, PATH, mismatch("a map of axes", node))
        return Matrix({}, [{}])
    axes = {name: read_axis(name, node.value[name], findings) for name in node.value if name not in _ENTRIES}
    excluded, included = (_entries(node, key, findings) for key in ("exclude", "include"))
    if not axes:
        axes = {name: [] for entry, _ in included for name in entry.value}
    return _Reader(node, axes, findings).read(excluded, included)


_Entry = tuple[Node, str]


def _entries(matrix: Node, key: str, findings: Findings) -> list[_Entry]:
    """The maps in `include` or `exclude`, and their paths."""
    node, path = matrix.value.get(key), join(PATH, key)
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        findings.add(node.position, path, mismatch("a list of maps", node))
        return []
    entries: list[_Entry] = []
    for index, child in enumerate(node.value):
        if isinstance(child.value, dict) and child.value:
            entries.append((child, join(path, index)))
        else:
            findings.add(child.position, join(path, index), "expects a map of axis: value")
    return entries


class _Reader:
    def __init__(self, node: Node, axes: dict[str, list[Value]], findings: Findings) -> None:
        self.node, self.axes, self.findings = node, axes, findings

    def read(self, excluded: Sequence[_Entry], included: Sequence[_Entry]) -> Matrix:
        count = math.prod(map(len, self.axes.values()))
        if count > MOST_CELLS:
            message = f"{count} combinations are more than {MOST_CELLS}; split the recipe"
            self.findings.add(self.node.position, PATH, message)
            return Matrix(self.axes, [self._first()])
        crossed = itertools.product(*self.axes.values()) if self.axes else ()
        cells: list[Combination] = [dict(zip(self.axes, values, strict=True)) for values in crossed]
        for entry in excluded:
            cells = self._without(cells, *entry)
        added = self._added(included, cells)
        axes = {name: values or [cell[name] for cell in added] for name, values in self.axes.items()}
        if cells or added:
            return Matrix(axes, [*cells, *added])
        self.findings.add(self.node.position, PATH, "leaves no cell")
        return Matrix(axes, [self._first()])

    def _first(self) -> Combination:
        return {name: values[0] for name, values in self.axes.items() if values}

    def _without(self, cells: list[Combination], node: Node, path: str) -> list[Combination]:
        wanted = {name: self._named(node, name, path, new=False) for name in node.value}
        if None in wanted.values():
            return cells
        left = [c for c in cells if any(value and c[name] is not value for name, value in wanted.items())]
        if len(left) == len(cells):
            self.findings.add(node.position, path, "excludes nothing: no cell that is left agrees with it")
        return left

    def _added(self, entries: Sequence[_Entry], cells: Sequence[Combination]) -> list[Combination]:
        seen = {_identities(cell) for cell in cells} if entries else set()
        added: list[Combination] = []
        for node, path in entries:
            cell = self._completed(node, path)
            if cell is None:
                continue
            if _identities(cell) in seen:
                self.findings.add(node.position, path, "is a cell already")
            else:
                seen.add(_identities(cell))
                added.append(cell)
        return added

    def _completed(self, node: Node, path: str) -> Combination | None:
        named = {name: self._named(node, name, path, new=True) for name in node.value}
        lacking = [name for name, values in self.axes.items() if name not in named and not values]
        if lacking:
            self.findings.add(node.position, path, f"lacks {' and '.join(lacking)}, for which there is no first value")
        if lacking or None in named.values():
            return None
        return {name: named.get(name) or values[0] for name, values in self.axes.items()}

    def _named(self, node: Node, name: str, path: str, *, new: bool) -> Value | None:
        """The value that an entry gives for an axis: one that the axis has, or a new one if that is allowed."""
        place, child = join(path, name), node.value[name]
        if name not in self.axes:
            self.findings.add(node.at(name), place, "unknown axis" + suggestion(name, self.axes, "there are"))
            return None
        value = read_value(child, place, self.findings)
        known = next((v for v in self.axes[name] if v.identity == value.identity), None)
        if known or value.label is None:
            return known
        if not new:
            labels = either(shown(v.label) for v in self.axes[name])
            self.findings.add(child.position, place, f"axis {name} has no {shown(value.label)}, only {labels}")
        return value if new else None


def _identities(cell: Combination) -> tuple[Any, ...]:
    return tuple(value.identity for value in cell.values())
