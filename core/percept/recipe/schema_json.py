"""The JSON Schema of recipes, for editors that complete and check as one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from percept.recipe.document import HEAD, VERSION, body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from percept.schema import Section

_ENTRIES = {"type": "array", "items": {"type": "object", "minProperties": 1}}
_MATRIX = {
    "type": "object",
    "description": "axis → values: every combination is a cell",
    "properties": {"include": _ENTRIES, "exclude": _ENTRIES},
    "additionalProperties": {
        "type": "array",
        "minItems": 1,
        "items": {"type": ["string", "number", "boolean", "object"]},
    },
}


def json_schema(components: Mapping[str, Sequence[str]], stages: Mapping[str, Section]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a recipe. `components`: kind → names that are installed, which editors will offer.

    It requires nothing that `extends` could bring.
    """
    sections = body(stages)
    fields = {**HEAD.fields, **sections.fields}
    properties = {name: field.to_json_schema(components) for name, field in fields.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "percept recipe",
        "type": "object",
        "properties": {**properties, "percept": {"const": VERSION}, "matrix": _MATRIX},
        "additionalProperties": False,
        "$defs": {
            "placeholder": {"type": "string", "pattern": r"\$\{", "description": "${matrix.AXIS} or ${env:NAME}"}
        },
    }
