"""Component parameters against the signature of the target: found out before anything runs."""

from __future__ import annotations

import difflib
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union


def parameter_problems(target: Any, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(parameter, what is wrong) for unknown, missing and wrongly typed parameters of a call `target(**arguments)`."""
    declared = _declared(target)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(target).parameters.values())
    problems: list[tuple[str, str]] = []
    hints = _hints(target)
    for name, value in arguments.items():
        if name not in declared:
            if not takes_any:
                problems.append((name, _unknown(name, declared)))
        elif not _fits(value, hints.get(name, Any)):
            problems.append((name, f"expects {_text(hints[name])}, not {value!r}"))
    missing = [n for n, p in declared.items() if p.default is p.empty and n not in arguments]
    problems.extend((name, "is required") for name in missing)
    return problems


def parameters_of(target: Any, arguments: Mapping[str, Any]) -> dict[str, str]:
    """Parameter → `type = default`, where `arguments` replace the target's defaults."""
    hints = _hints(target)
    shown: dict[str, str] = {}
    for name, parameter in _declared(target).items():
        default = arguments.get(name, parameter.default)
        text = _text(hints.get(name, Any))
        shown[name] = text if default is parameter.empty else f"{text} = {default!r}"
    return shown


def has_parameter(target: Any, name: str) -> bool:
    """Whether the target declares a parameter of that name."""
    return name in _declared(target)


def _declared(target: Any) -> dict[str, inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {n: p for n, p in inspect.signature(target).parameters.items() if p.kind in kinds}


def _hints(target: Any) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations that only a type checker can resolve: nothing to check against
        return {}


def _unknown(name: str, declared: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, declared, 1)
    if near:
        return f"unknown parameter, did you mean {near[0]}?"
    return f"unknown parameter; it takes {', '.join(declared) or 'none'}"


def _fits(value: Any, hint: Any) -> bool:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in choices)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in choices)
    if origin in (list, tuple) or (isinstance(origin, type) and issubclass(origin, typing.Sequence)):
        return isinstance(value, list | tuple) and (not choices or all(_fits(v, choices[0]) for v in value))
    if isinstance(value, bool):
        return hint in (bool, Any, object)
    if hint is float:
        return isinstance(value, int | float)
    if hint is None or hint is type(None):
        return value is None
    return isinstance(value, hint) if hint in (int, str, bool, dict) else True


def _text(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint).replace("typing.", "")
