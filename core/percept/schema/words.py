"""How problems are worded."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from percept.schema.node import Node

LONGEST = 60


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that `word` was probably meant to be."""
    return next(iter(difflib.get_close_matches(word[:LONGEST], list(choices), 1)), None)


def suggestion(word: str, choices: Iterable[str], otherwise: str) -> str:
    """`, did you mean weight?`, or `; it takes weight or label` where nothing is near."""
    choices = list(choices)
    near = nearest(word, choices)
    return f", did you mean {near}?" if near else f"; {otherwise} {either(choices) or 'none'}"


def either(choices: Iterable[Any]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *first, last = [shown(c) if not isinstance(c, str) else c for c in choices] or [""]
    return f"{', '.join(first)} or {last}" if first else last


def shown(value: Any) -> str:
    """A value as a recipe would have it, shortened."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a map"
        case list():
            return "a list"
        case str() if len(value) > LONGEST:
            return repr(f"{value[:LONGEST]}…")
    return repr(value)


def mismatch(expected: str, node: Node) -> str:
    """`expects an integer, not 'ten'`."""
    return f"expects {expected}, not {shown(node.value)}"


def join(path: str, key: str | int) -> str:
    """The key path one level down: `optimize` + `steps`, `fidelity` + 1."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key
