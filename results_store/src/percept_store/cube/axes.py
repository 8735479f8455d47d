"""Which assessors and images there are, in which order, and under which labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

First = tuple[float, str, int]


class Register:
    """Things in the order in which records first mention them. The same records give the same register in any order."""

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        self._entries: dict[str, dict[str, Any]] = {}
        for key, entry in (entries or {}).items():
            self._entries[key] = {**entry, "first": _first(entry["first"]), "told": _first(entry["told"])}

    def note(self, key: str, facts: Mapping[str, Any], moment: float, sha: str, place: int) -> None:
        """A record made at `moment` mentions `key`, `place`-th. The earliest that has a reference tells the facts."""
        first = (moment, sha, place)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = {"first": first, "told": first, "facts": dict(facts)}
            return
        entry["first"] = min(entry["first"], first)
        if _worth(facts, first) < _worth(entry["facts"], entry["told"]):
            entry["told"], entry["facts"] = first, dict(facts)

    def entries(self) -> dict[str, dict[str, Any]]:
        """Key → {first, told, facts}, in order of first mention: JSON-able, and what the constructor takes."""
        return dict(sorted(self._entries.items(), key=lambda item: item[1]["first"]))


def assessor_axis(register: Register) -> list[dict[str, Any]]:
    """Facts of each assessor, in order, with its `key` and its unique `label`.

    Of several that share a label the newest keeps it; the others become `label@version`, or `label@version@key` where
    that is not unique either.
    """
    entries = register.entries()
    newest = {_label(entry): key for key, entry in entries.items()}
    versioned = Counter(f"{_label(e)}@{_version(e)}" for k, e in entries.items() if newest[_label(e)] != k)
    axis = []
    for key, entry in entries.items():
        label = _label(entry)
        if newest[label] != key:
            label = f"{label}@{_version(entry)}"
            label = label if versioned[label] == 1 and label not in newest else f"{label}@{key}"
        axis.append({**entry["facts"], "key": key, "label": label})
    return axis


def image_axis(register: Register) -> list[dict[str, Any]]:
    """Facts of each image, in order, with its `key` and unique `label`: its id, or `id@sha8` where contents differ."""
    entries = register.entries()
    ids = Counter(entry["facts"]["id"] for entry in entries.values())
    labels = {key: _image_label(entry["facts"], ids) for key, entry in entries.items()}
    taken = Counter(labels.values())
    return [
        {**entry["facts"], "key": key, "label": labels[key] if taken[labels[key]] == 1 else key}
        for key, entry in entries.items()
    ]


def image_key(facts: Mapping[str, Any]) -> str:
    """What identifies an image: its id and the content of its target."""
    return f"{facts['id']}@{facts.get('sha256', '')}"


def positions(axis: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Key → index on the axis."""
    return {entry["key"]: index for index, entry in enumerate(axis)}


def _first(value: Iterable[Any]) -> First:
    moment, sha, place = value
    return float(moment), str(sha), int(place)


def _worth(facts: Mapping[str, Any], first: First) -> tuple[bool, First]:
    return not facts.get("reference"), first


def _label(entry: Mapping[str, Any]) -> str:
    return str(entry["facts"].get("label") or entry["facts"].get("name", ""))


def _version(entry: Mapping[str, Any]) -> str:
    return str(entry["facts"].get("version", ""))


def _image_label(facts: Mapping[str, Any], ids: Counter[str]) -> str:
    return str(facts["id"]) if ids[facts["id"]] == 1 else f"{facts['id']}@{facts.get('sha256', '')[:8]}"
