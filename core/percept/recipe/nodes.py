"""YAML text → nodes that know their line and column; a stricter YAML than PyYAML's own.

Numbers are decimal (`1e-4`, `.5`, `010` is 10), the truth values are `true` and `false` alone, and there are no dates,
no sexagesimals, no tags and no merge keys; a key that stands twice is a problem.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import yaml

from percept.schema import UNRESOLVED, Findings, Node, Position
from percept.schema.words import join

if TYPE_CHECKING:
    from yaml import Mark

DEEPEST = 50
MOST_VALUES = 100_000

INTEGER = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_SURROGATE = re.compile("[\ud800-\udfff]")

Place = Callable[["Mark"], Position]


def parse(text: str, place: Place, findings: Findings) -> Node | None:
    """The one document of `text`, or None if it is empty or no YAML; its problems go to `findings`."""
    loader = _loader(text, place, findings)
    if loader is None:
        return None
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        findings.add(place(error.problem_mark or loader.get_mark()), "", _syntax(error, text))
        return None
    except (ValueError, OverflowError):  # PyYAML hands \U00110000 and the like to chr()
        findings.add(place(loader.get_mark()), "", "not valid YAML: this escape names no character")
        return None
    return None if root is None else _Builder(place, findings, loader.tagged).build(root, "")


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) scalar: None, bool, int, float (inf if it is too large), or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text) if len(text) < 20 else float(text)
    return float(text) if FLOAT.fullmatch(text) else text


class _Loader(yaml.SafeLoader):
    """Composes nodes; resolves no scalars, and notes the tags that it meets."""

    yaml_implicit_resolvers = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.tagged: list[Mark] = []
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it so
        if getattr(event, "tag", None) is not None:
            self.tagged.append(event.start_mark)
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, f"nested more than {DEEPEST} deep", event.start_mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _loader(text: str, place: Place, findings: Findings) -> _Loader | None:
    try:
        return _Loader(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = yaml.Mark("", error.position, before.count("\n"), error.position - before.rfind("\n") - 1, None, 0)
        findings.add(place(mark), "", f"not valid YAML: character U+{ord(text[error.position]):04X} must be escaped")
        return None


def _syntax(error: yaml.MarkedYAMLError, text: str) -> str:
    message = "not valid YAML: " + ", ".join(filter(None, (error.problem, error.context)))
    lines = text.splitlines()
    number = error.problem_mark.line if error.problem_mark else len(lines)
    if any("${" in line for line in lines[max(0, number - 1) : number + 1]):
        return f"{message}; inside [ ] and {{ }}, put ${{…}} in quotes"
    return message


class _Builder:
    """PyYAML's nodes → ours."""

    def __init__(self, place: Place, findings: Findings, tagged: list[Mark]) -> None:
        self.place, self.findings = place, findings
        self._sizes: dict[int, tuple[Node, int, int]] = {}
        self._open: set[int] = set()
        for mark in tagged:
            findings.add(place(mark), "", "recipes have no tags: leave out the !")

    def build(self, root: yaml.Node, path: str) -> Node | None:
        """The node, or None if aliases make it too large to work with."""
        node, size, height = self._node(root, path)
        if size > MOST_VALUES or height > 2 * DEEPEST:
            self.findings.add(node.position, path, "aliases make this recipe too large")
            return None
        return node

    def _node(self, source: yaml.Node, path: str) -> tuple[Node, int, int]:
        """The node, how many values it has, and how many levels."""
        done = self._sizes.get(id(source))
        if done is None:
            if id(source) in self._open:
                self.findings.add(self.place(source.start_mark), path, "an alias refers to what contains it")
                return Node(UNRESOLVED, self.place(source.start_mark)), 1, 1
            self._open.add(id(source))
            done = self._sizes[id(source)] = self._read(source, path)
            self._open.discard(id(source))
        return done

    def _read(self, source: yaml.Node, path: str) -> tuple[Node, int, int]:
        position = self.place(source.start_mark)
        if isinstance(source, yaml.MappingNode):
            return self._map(source, position, path)
        if isinstance(source, yaml.SequenceNode):
            parts = [self._node(child, join(path, i)) for i, child in enumerate(source.value)]
            return Node([node for node, _, _ in parts], position), *_extent(parts)
        assert isinstance(source, yaml.ScalarNode)
        return Node(self._scalar(source, position, path), position), 1, 1

    def _map(self, source: yaml.MappingNode, position: Position, path: str) -> tuple[Node, int, int]:
        values: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        parts = []
        for key_source, child in source.value:
            at = self.place(key_source.start_mark)
            key = self._key(key_source, at, path)
            if key is None:
                continue
            parts.append(self._node(child, join(path, key)))
            if key in values:
                self.findings.add(at, join(path, key), f"is given twice, first at {keys[key]}")
            else:
                values[key], keys[key] = parts[-1][0], at
        return Node(values, position, keys), *_extent(parts)

    def _key(self, source: yaml.Node, at: Position, path: str) -> str | None:
        if not isinstance(source, yaml.ScalarNode):
            self.findings.add(at, path, "a key must be a word")
        elif source.value == "<<" and source.style is None:
            self.findings.add(at, join(path, "<<"), "recipes have no merge keys; use extends")
        elif _SURROGATE.search(source.value):
            self.findings.add(at, path, "half a surrogate pair is no character")
        else:
            return str(source.value)
        return None

    def _scalar(self, source: yaml.ScalarNode, position: Position, path: str) -> Any:
        text = source.value
        if _SURROGATE.search(text):
            self.findings.add(position, path, "half a surrogate pair is no character")
            return UNRESOLVED
        value = scalar(text) if source.style is None else text
        if isinstance(value, float) and (math.isinf(value) or INTEGER.fullmatch(text)):
            self.findings.add(position, path, "this number is too large")
            return UNRESOLVED
        return value


def _extent(parts: list[tuple[Node, int, int]]) -> tuple[int, int]:
    return 1 + sum(size for _, size, _ in parts), 1 + max((height for _, _, height in parts), default=0)
