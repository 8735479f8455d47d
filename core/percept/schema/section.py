"""Maps of known keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from percept.schema.base import Names, Schema, placeholder_or
from percept.schema.findings import Findings
from percept.schema.node import Node, Position, node_of
from percept.schema.scalar import Scalar, Type
from percept.schema.words import join, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Field:
    """One key of a section. Raises ValueError if the default is not of the type, or the key is required and has one.

    type       int, float, bool, str, pathlib.Path, object (any single value), or a Schema
    default    written as in a recipe; None: an absent key, and `key: null`, give None
    required   the key must be there
    doc        one line for editors and listings
    minimum, maximum, choices, pattern, form   as in `Scalar`
    """

    type: Schema | Type
    default: Any = None
    required: bool = False
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    pattern: str = ""
    form: str = ""
    _filled: Any = field(init=False, repr=False, compare=False)
    _has_components: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.required and self.default is not None:
            raise ValueError("a required key has no default")
        findings = Findings()
        filled = None if self.default is None else self.schema.validate(node_of(self.default), "", findings)
        if findings.problems:
            raise ValueError(f"default {self.default!r}: {findings.problems[0].message}")
        object.__setattr__(self, "_filled", filled)
        object.__setattr__(self, "_has_components", bool(findings.uses))

    @cached_property
    def schema(self) -> Schema:
        """The schema of the value."""
        if isinstance(self.type, Schema):
            return self.type
        return Scalar(self.type, self.minimum, self.maximum, self.choices, self.pattern, self.form)

    def absent(self, position: Position, path: str, findings: Findings) -> Any:
        """The value of an absent key: shared, not to be changed. Components in a default are found like all others."""
        if self._has_components:
            return self.schema.validate(node_of(self.default, position), path, findings)
        return self._filled

    def to_json_schema(self, names: Names) -> dict[str, Any]:
        """The JSON Schema of the value, with its description and default."""
        facts = {"description": self.doc or None, "default": self.default}
        return {**self.schema.to_json_schema(names), **{k: v for k, v in facts.items() if v is not None}}


@dataclass(frozen=True)
class Section(Schema):
    """A map whose keys are all known. `short`: the key that a bare value stands for."""

    fields: Mapping[str, Field]
    doc: str = ""
    short: str = ""

    @property
    def expects(self) -> str:
        return "a map"

    def accepts(self, node: Node) -> bool:
        return isinstance(node.value, dict) or (bool(self.short) and isinstance(node.value, str))

    def read(self, node: Node, path: str, findings: Findings) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            node = Node({self.short: node}, node.position, {self.short: node.position})
        for key in node.value:
            if key not in self.fields:
                message = "unknown key" + suggestion(key, self.fields, "there are")
                findings.add(node.at(key), join(path, key), message)
        return {key: self._value(key, field, node, path, findings) for key, field in self.fields.items()}

    def to_json_schema(self, names: Names) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {key: field.to_json_schema(names) for key, field in self.fields.items()},
            "required": [key for key, field in self.fields.items() if field.required],
            "additionalProperties": False,
        }
        if self.doc:
            schema["description"] = self.doc
        short = [self.fields[self.short].to_json_schema(names)] if self.short else []
        return {"anyOf": [schema, *short, *placeholder_or({})["anyOf"][1:]]}

    @staticmethod
    def _value(key: str, declared: Field, node: Node, path: str, findings: Findings) -> Any:
        child, place = node.value.get(key), join(path, key)
        absent = child is None or (child.value is None and declared.default is None)
        if not absent:
            return declared.schema.validate(child, place, findings)
        if declared.required:
            findings.add(node.at(key), place, "is required")
        return declared.absent(node.at(key), place, findings)
