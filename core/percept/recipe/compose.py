"""One tree from a recipe and what it `extends`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from percept.errors import InputError
from percept.recipe.find import display, find
from percept.recipe.source import parse_file, read_text
from percept.schema import Findings, Node
from percept.schema.words import join, mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a file says of itself, and those that extend it do not say.
_OF_THE_FILE = ("name", "summary", "extends")


class Composer:
    """Reads recipes with their bases; each file once."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._read: dict[Path, Node | None] = {}
        self._open: list[Path] = []

    def compose(self, path: Path, text: str) -> Node | None:
        """The tree of `text`, the content of `path`, over its bases: maps merge, all else is replaced.

        Of several bases later ones win, and the file itself wins over all. A map that names another `use` replaces that
        of the base, as its parameters belong to another component. None if the file itself is no map.
        """
        node = parse_file(text, display(path), self.findings)
        if node is None:
            return None
        self._open.append(path.resolve())
        tree = Node({}, node.position)
        for base in self._bases(node, path.parent):
            tree = merge(tree, base.only([key for key in base.value if key not in _OF_THE_FILE]))
        self._open.pop()
        return merge(tree, node.only([key for key in node.value if key != "extends"]))

    def _bases(self, node: Node, folder: Path) -> Iterator[Node]:
        extends = node.value.get("extends")
        if extends is None:
            return
        several = isinstance(extends.value, list)
        for index, item in enumerate(extends.value if several else [extends]):
            where = join("extends", index) if several else "extends"
            if not (isinstance(item.value, str) and item.value):
                self.findings.add(item.position, where, mismatch("a path", item))
                continue
            try:
                base = self._base(item.value, folder)
            except InputError as error:
                self.findings.add(item.position, where, f"{item.value}: {error}")
                continue
            if base is not None:
                yield base

    def _base(self, text: str, folder: Path) -> Node | None:
        path = find(text, folder)
        key = path.resolve()
        if key in self._open:
            raise InputError("this recipe extends itself")
        if key not in self._read:
            self._read[key] = self.compose(path, read_text(path))
        return self._read[key]


def merge(base: Node, top: Node) -> Node:
    """`top` over `base`; each key keeps the position that it was written at."""
    if not (isinstance(base.value, dict) and isinstance(top.value, dict)) or _other_component(base, top):
        return top
    values = dict(base.value)
    for key, child in top.value.items():
        values[key] = merge(values[key], child) if key in values else child
    return Node(values, top.position, {**base.keys, **top.keys})


def _other_component(base: Node, top: Node) -> bool:
    old, new = base.value.get("use"), top.value.get("use")
    return old is not None and new is not None and old.value != new.value
