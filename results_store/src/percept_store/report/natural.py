"""The order in which people look for values: numbers by size, words without regard to case."""

from __future__ import annotations

import re
from typing import TypeAlias

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.ASCII)
_SIGNED = re.compile(rf"[-+]?{_NUMBER.pattern}", re.ASCII)
Natural: TypeAlias = tuple[tuple[tuple[int, float, str], ...], str]


def natural(text: str) -> Natural:
    """A key to sort by: `2` before `10`, `1e-05` before `0.1`, `a` beside `A`, nothing before everything."""
    folded = text.casefold()
    if _SIGNED.fullmatch(folded):
        return ((0, float(folded), ""),), text
    words = _NUMBER.split(folded)
    numbers = [*map(float, _NUMBER.findall(folded)), 0.0]
    parts = (part for word, value in zip(words, numbers, strict=True) for part in ((1, 0.0, word), (0, value, "")))
    return tuple(part for part in list(parts)[:-1] if part != (1, 0.0, "")), text
