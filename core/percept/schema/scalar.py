"""Single values: numbers, truth values, text, paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from percept.schema.base import Names, Schema, placeholder_or
from percept.schema.words import either, shown, suggestion

if TYPE_CHECKING:
    from percept.schema.findings import Findings
    from percept.schema.node import Node

Type: TypeAlias = type[int] | type[float] | type[bool] | type[str] | type[Path] | type[object]

_WORDS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
    object: "a single value",
}
_JSON: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    Path: {"type": "string", "minLength": 1},
    object: {"type": ["string", "number", "boolean"]},
}


@dataclass(frozen=True)
class Scalar(Schema):
    """One value of a type: int, float (an integer will do, and becomes a float), bool, str, Path, or object for any.

    minimum, maximum   bounds of a number, themselves allowed
    choices            the values that there are
    pattern            what the whole text must match; `form` says so in words
    """

    type: Type
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    pattern: str = ""
    form: str = ""

    @property
    def expects(self) -> str:
        return self.form or (either(self.choices) if self.choices else _WORDS[self.type])

    def accepts(self, node: Node) -> bool:
        return not isinstance(node.value, dict | list) and self._typed(node.value) is not None

    def hint(self, node: Node) -> str:
        value = node.value
        if self.type is int and isinstance(value, float) and value.is_integer():
            return f": write {int(value)}"
        if self.type is str and not self.choices and isinstance(value, int | float):
            return ": put it in quotes"
        return ""

    def read(self, node: Node, path: str, findings: Findings) -> Any:
        value = self._typed(node.value)
        wrong = self._wrong(value, shown(node.value))
        if wrong:
            findings.add(node.position, path, wrong)
        return value

    def to_json_schema(self, names: Names) -> dict[str, Any]:  # noqa: ARG002  # only components need them
        schema: dict[str, Any] = {"enum": list(self.choices)} if self.choices else dict(_JSON[self.type])
        facts = {"minimum": self.minimum, "maximum": self.maximum, "pattern": self.pattern and f"^({self.pattern})$"}
        schema.update({key: fact for key, fact in facts.items() if fact not in (None, "")})
        return placeholder_or(schema)

    def _typed(self, value: Any) -> Any:
        if self.type is object:
            return value
        if isinstance(value, bool) or self.type is bool:
            return value if isinstance(value, bool) and self.type is bool else None
        if self.type is float:
            return float(value) if isinstance(value, int | float) else None
        kind = str if self.type is Path else self.type
        return value if isinstance(value, kind) and (value or self.type is not Path) else None

    def _wrong(self, value: Any, written: str) -> str:
        if self.choices and value not in self.choices:
            return f"unknown value {written}" + suggestion(str(value), map(str, self.choices), "there are")
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum:g}, not {written}"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum:g}, not {written}"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"expects {self.expects}, not {written}"
        return ""


def schema_of(type: Schema | Type) -> Schema:  # noqa: A002  # the word that declarations use
    """The schema itself, or that of single values of a Python type."""
    return type if isinstance(type, Schema) else Scalar(type)
