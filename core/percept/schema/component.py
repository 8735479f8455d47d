"""Components by name, with their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from percept.schema.base import Names, Schema, placeholder_or
from percept.schema.findings import Findings, Use
from percept.schema.node import UNRESOLVED, Node, Position, is_resolved, plain
from percept.schema.section import Section
from percept.schema.words import join, mismatch, nearest

NONE = "none"
NOTHING = Section({})
_OWN = frozenset({"use", "parameters"})


@dataclass(frozen=True)
class Component(Schema):
    """`{use: NAME, …}`: the keys of `reserved`, and the component's own parameters. Gives
    `{"use": name, **reserved, "parameters": {…}}`; or None for `none` if `optional`. `psnr` is short for `{use: psnr}`.

    A parameter may be written with - or _. Where `use` is itself a map (an axis whose values are whole components), its
    keys count as if they stood here, and those that do stand here win. Whether there is such a component, and what it
    takes, is not known here: `findings.uses` lists what to check. Raises ValueError if `reserved` has `use` or
    `parameters`.
    """

    kind: str
    reserved: Section = NOTHING
    optional: bool = False

    def __post_init__(self) -> None:
        if _OWN & set(self.reserved.fields):
            raise ValueError("a component's `use` and `parameters` cannot be reserved once more")

    @property
    def expects(self) -> str:
        return f"the name of {self._a_kind} or a map with use: NAME"

    def accepts(self, node: Node) -> bool:
        return isinstance(node.value, dict) or (isinstance(node.value, str) and node.value != "")

    def read(self, node: Node, path: str, findings: Findings) -> dict[str, Any] | None:
        if isinstance(node.value, dict):
            return self._read_map(spliced(node), path, findings)
        return self._component(node, path, Node({}, node.position), path, findings)

    def to_json_schema(self, names: Names) -> dict[str, Any]:
        known = [*names.get(self.kind, ()), *([NONE] if self.optional else [])]
        name = (
            {"anyOf": [{"enum": known}, {"type": "string", "pattern": ":"}]}
            if self.kind in names
            else {"type": "string"}
        )
        reserved = {key: field.to_json_schema(names) for key, field in self.reserved.fields.items()}
        required = ["use", *(key for key, field in self.reserved.fields.items() if field.required)]
        properties = {"use": placeholder_or(name), **reserved}
        return {"anyOf": [placeholder_or(name), {"type": "object", "properties": properties, "required": required}]}

    @property
    def _a_kind(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind.replace('_', ' ')}"

    def _read_map(self, node: Node, path: str, findings: Findings) -> dict[str, Any] | None:
        use = node.value.get("use")
        if use is None:
            self._no_name(node, path, findings)
            use = Node(UNRESOLVED)
        elif use.value is not UNRESOLVED and not (isinstance(use.value, str) and use.value):
            findings.add(use.position, join(path, "use"), mismatch("a name", use))
            use = Node(UNRESOLVED)
        return self._component(use, join(path, "use"), node, path, findings)

    def _no_name(self, node: Node, path: str, findings: Findings) -> None:
        for key in node.value:
            if key not in self.reserved.fields and nearest(key, ["use"]):
                findings.add(node.at(key), join(path, key), "unknown key, did you mean use?")
                return
        findings.add(node.position, path, f"needs use: NAME, the name of its {self.kind.replace('_', ' ')}")

    def _component(self, use: Node, use_path: str, node: Node, path: str, findings: Findings) -> dict[str, Any] | None:
        """`node` holds the other keys."""
        if use.value == NONE and self.optional:
            return None
        if use.value == NONE:
            findings.add(use.position, use_path, f"{self._a_kind} is needed here, not none")
        reserved = self.reserved.read(node.only(self.reserved.fields), path, findings)
        given = self._given(node, path, findings)
        values = {name: plain(parameter.node) for name, parameter in given.items()}
        if use.value not in (NONE, UNRESOLVED) and all(is_resolved(parameter.node) for parameter in given.values()):
            places = {"use": (use.position, use_path), **{name: (p.position, p.path) for name, p in given.items()}}
            findings.uses.append(Use(self.kind, use.value, values, places, tuple(self.reserved.fields)))
        return {"use": use.value, **reserved, "parameters": values}

    def _given(self, node: Node, path: str, findings: Findings) -> dict[str, _Given]:
        found: dict[str, _Given] = {}
        for key, child in node.value.items():
            if key == "use" or key in self.reserved.fields:
                continue
            name, place = key.replace("-", "_"), join(path, key)
            if not name.isidentifier():
                findings.add(node.at(key), place, "unknown key: a parameter's name has letters, digits and hyphens")
            elif name in found:
                findings.add(node.at(key), place, f"is given twice: as {found[name].path.rpartition('.')[2]}, too")
            else:
                found[name] = _Given(child, node.at(key), place)
        return found


class _Given(NamedTuple):
    node: Node
    position: Position
    path: str


def spliced(node: Node) -> Node:
    """`{use: {use: a, x: 1}, y: 2}` as `{use: a, x: 1, y: 2}`."""
    inner = node.value.get("use")
    if inner is None or not isinstance(inner.value, dict):
        return node
    outer = {key: child for key, child in node.value.items() if key != "use"}
    keys = {**inner.keys, **{key: node.at(key) for key in outer}}
    return Node({**inner.value, **outer}, node.position, keys)
