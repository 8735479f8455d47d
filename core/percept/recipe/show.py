"""A resolved cell as a recipe of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from percept.recipe.document import VERSION
from percept.recipe.nodes import FLOAT, INTEGER

if TYPE_CHECKING:
    from percept.recipe.cell import Cell


def show(cell: Cell) -> str:
    """YAML in the recipe's order, every default written out; loading it gives the same config."""
    head = {"percept": VERSION, "name": cell.recipe}
    document = {**head, **_section(cell.config)}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


class _Dumper(yaml.SafeDumper):
    """Quotes what percept reads as a number and PyYAML does not, such as the text `1e-4`."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True


for _pattern in (FLOAT, INTEGER):
    _Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"(?:{_pattern.pattern})\Z"), None)


def _section(config: Mapping[str, Any]) -> dict[str, Any]:
    """A section or a component, its parameters beside `use`; keys that stand for nothing are left out."""
    parameters = config.get("parameters", {}) if "use" in config else {}
    values = {key: _value(value) for key, value in config.items() if value is not None and value is not parameters}
    return {**values, **_escaped(parameters)}


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _section(value)
    return [_value(item) for item in value] if isinstance(value, list) else _escaped(value)


def _escaped(value: Any) -> Any:
    """The same with `${` in texts written so that it stays as it is."""
    if isinstance(value, Mapping):
        return {key: _escaped(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_escaped(child) for child in value]
    return value.replace("${", "$${") if isinstance(value, str) else value
