"""References by name, and what to say where no image finds its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from percept.images import SUFFIXES
from percept.stages.files.find import expand, named

_SAMPLE = 50


class References:
    """Reference files by name, or one file for all.

    Names agree if they are equal, or are after one of `suffixes` is cut from either; where folders differ, the last
    part of a name decides, if only one reference has it.
    """

    def __init__(self, where: str | Path, suffixes: Sequence[str] = ()) -> None:
        self.where, self._suffixes = where, suffixes
        found: dict[Path, list[Path]] = defaultdict(list)
        for root, file in expand(where):
            found[root].append(file)
        self.files = {name: file for root, files in found.items() for name, file in named(files, root).items()}
        self.label = next(iter(found)).resolve().name
        self.only = next(iter(self.files.values())) if Path(where).expanduser().is_file() else None
        self._index: dict[str, dict[str, None]] = defaultdict(dict)
        for name in self.files:
            for key in [*self._keys(name), *self._keys(_last(name))]:
                self._index[key][name] = None

    def find(self, name: str) -> str:
        """The name of the reference of `name`. Raises LookupError, in one line, if there is none, or not only one."""
        if name in self.files:
            return name
        for key in [*self._keys(name), *self._keys(_last(name))]:
            several = list(self._index.get(key, ()))
            if len(several) == 1:
                return several[0]
            if several:
                raise LookupError(f"{len(several)} images called {key} in {self.where}: {', '.join(several[:3])}")
        raise LookupError(f"no image called {name} in {self.where}")

    def advice(self, names: Sequence[str]) -> str:
        """What to do where no image of these names finds its reference: one line."""
        theirs = list(self.files)
        suffix = suffix_between(names, theirs)
        hint = f"did you mean --suffix {suffix}?" if suffix else "give both the same names, or --suffix"
        return f"{self.where}: no image there is called as one to be assessed ({names[0]}, not {theirs[0]}); {hint}"

    def _keys(self, name: str) -> Iterator[str]:
        """What a name may be called besides: without the suffix of its format, which some keep, and without ours."""
        stem, dot, suffix = name.rpartition(".")
        name = stem if dot and f".{suffix.lower()}" in SUFFIXES else name
        yield name
        yield from (name.removesuffix(s) for s in self._suffixes if s and name.endswith(s) and _last(name) != s)


def suffix_between(names: Iterable[str], references: Iterable[str]) -> str:
    """What most of `names` add to the reference that they begin with; "" if there is no such thing."""
    ends: Counter[str] = Counter()
    sample = list(names)[:_SAMPLE]
    known = [_last(reference) for reference in references]
    for name in map(_last, sample):
        begun = max((k for k in known if name.startswith(k) and name != k), key=len, default="")
        ends[name.removeprefix(begun) if begun else ""] += 1
    best, count = ends.most_common(1)[0] if ends else ("", 0)
    return best if 2 * count > len(sample) else ""


def _last(name: str) -> str:
    return name.rpartition("/")[2]
