"""The columns that factors become: one type for all runs, whatever mixture of values the records hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from percept_store.cube.layout import FACTORS, RESERVED, Type

_EXACT = 2**53


def column(factor: str) -> str:
    """The coordinate that a factor becomes: its name, or `factor_<name>` where the cube has another use for that."""
    name = "_".join(factor.replace("/", ".").split()) or "_"
    return f"factor_{name}" if name in RESERVED or name[0] in "._" else name


class FactorTypes:
    """Which types of values each factor has, over all runs."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._types: dict[str, set[str]] = {name: set(types) for name, types in state.get("types", {}).items()}
        self._counts: dict[str, int] = dict(state.get("counts", {}))
        self._runs = int(state.get("runs", 0))
        for name in FACTORS:
            self._types.setdefault(name, set())

    def note(self, factors: Mapping[str, Any]) -> None:
        """One more run, with these columns."""
        self._runs += 1
        for name, value in factors.items():
            self._types.setdefault(name, set()).add(_tag(value))
            self._counts[name] = self._counts.get(name, 0) + 1

    def columns(self) -> dict[str, Type]:
        """Column → type: the four that every cube has, then the others by name."""
        names = [*FACTORS, *sorted(self._types.keys() - set(FACTORS))]
        return {name: self._type(name) for name in names}

    def state(self) -> dict[str, Any]:
        """JSON-able, and what the constructor takes."""
        return {"types": {k: sorted(v) for k, v in self._types.items()}, "counts": self._counts, "runs": self._runs}

    def _type(self, name: str) -> Type:
        types, gaps = self._types[name], self._counts.get(name, 0) < self._runs
        if not types:
            return "f8" if name == "seed" else "str"
        if types <= {"int", "float"}:
            return "i8" if types == {"int"} and not gaps else "f8"
        return "bool" if types == {"bool"} and not gaps else "str"


def column_values(values: Iterable[Any], kind: Type) -> np.ndarray:
    """Values of one factor, None where a run does not have it, as an array of a column's type."""
    if kind == "str":
        return np.array([_text(value) for value in values] + [None], dtype=object)[:-1]
    if kind == "f8":
        return np.array([np.nan if value is None else value for value in values], dtype="f8")
    return np.array(list(values), dtype=kind)


def texts(values: Sequence[Any]) -> np.ndarray:
    """Strings as an object array."""
    return column_values([str(value) for value in values], "str")


def _tag(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if abs(value) <= _EXACT else "str"
    return "float" if isinstance(value, float) else "str"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
