"""From a path into a cell's config back to the place in the recipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from percept.schema.component import NONE, spliced
from percept.schema.words import join

if TYPE_CHECKING:
    from percept.schema import Node, Position

_STEP = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")


def locate(tree: Node, config: Any, path: str) -> tuple[Position, str]:
    """The position of the key or item that `path` leads to, and the path as the recipe writes it.

    Where the recipe is shorter than the config (defaults, `psnr` for `{use: psnr}`), the position of what is there.
    """
    walk = _Walk(tree, config)
    for index, name in _STEP.findall(path):
        if index:
            walk.item(int(index))
        else:
            walk.key(name)
    return walk.position, walk.written


class _Walk:
    def __init__(self, tree: Node, config: Any) -> None:
        self.node: Node | None = tree
        self.config = config
        self.position, self.written = tree.position, ""

    def item(self, index: int) -> None:
        """Down to an item; a lone item stands without brackets."""
        items, self.config = self.config, _inside(self.config, index)
        if self.node is not None and not isinstance(self.node.value, list):
            return
        kept = _kept(self.node, items)
        number = kept[index] if index < len(kept) else index
        self._enter(self.node.value[number] if self.node and index < len(kept) else None, number)

    def key(self, name: str) -> None:
        """Down to a key; neither `parameters` nor the `use` of a bare name is written."""
        self.config = _inside(self.config, name)
        node = spliced(self.node) if self.node and isinstance(self.node.value, dict) else self.node
        if node is None or not isinstance(node.value, dict):
            if name not in ("use", "parameters"):
                self._enter(None, name)
            return
        written = next((key for key in node.value if key.replace("-", "_") == name.replace("-", "_")), None)
        if written is not None:
            self._enter(node.value[written], written)
            self.position = node.at(written)
        elif name != "parameters":
            self._enter(None, name)

    def _enter(self, node: Node | None, step: str | int) -> None:
        self.node = node
        self.position = node.position if node else self.position
        self.written = join(self.written, step)


def _inside(config: Any, step: str | int) -> Any:
    try:
        return config[step]
    except (LookupError, TypeError):
        return None


def _kept(node: Node | None, items: Any) -> list[int]:
    """The numbers in the recipe of the items that are in the config: `none` is left out there."""
    if node is None:
        return []
    numbers = list(range(len(node.value)))
    if isinstance(items, list) and len(items) < len(numbers):
        return [number for number in numbers if not _is_none(node.value[number])]
    return numbers


def _is_none(node: Node) -> bool:
    if isinstance(node.value, dict):
        use = spliced(node).value.get("use")
        return use is not None and use.value == NONE
    return bool(node.value == NONE)
