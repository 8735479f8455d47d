"""What is wrong with the components that a recipe names, at the places where it names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from percept.schema.words import nearest

if TYPE_CHECKING:
    from percept.schema import Findings, Position, Use

CheckComponent: TypeAlias = Callable[[Any, str, Mapping[str, Any]], list[tuple[str, str]]]
"""(kind, name, parameters) → what is wrong: (parameter or `use`, message)."""


def check_components(uses: Iterable[Use], check: CheckComponent, findings: Findings) -> None:
    """Ask `check` once for each different component, and note its answers wherever the recipe uses that component.

    What `check` calls an unknown parameter may be a misspelt key of the recipe's own: `wieght`.
    """
    answers: dict[str, list[tuple[str, str]]] = {}
    for use in uses:
        key = json.dumps([use.kind, use.name, use.parameters], sort_keys=True)
        if key not in answers:
            answers[key] = check(use.kind, use.name, use.parameters)
        for parameter, message in answers[key]:
            position, path = use.places.get(parameter) or _beside_use(use, parameter)
            findings.add(position, path, _of_the_recipe(use, parameter, message) or message)


def _beside_use(use: Use, parameter: str) -> tuple[Position, str]:
    position, path = use.places["use"]
    return position, f"{path.removesuffix('.use')}.{parameter}"


def _of_the_recipe(use: Use, parameter: str, message: str) -> str:
    meant = nearest(parameter.replace("_", "-"), use.reserved)
    if meant and message.startswith("unknown") and "did you mean" not in message and parameter in use.places:
        return f"unknown key, did you mean {meant}?"
    return ""
