"""What a store holds of some files: which runs they are, and which of their scores are there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from percept_store import Store

from percept.errors import InputError
from percept.stages.files.comparison import Judged
from percept.stages.files.match import Candidate, Task
from percept.stages.files.origin import Origin, find_origin
from percept.stages.identity import file_hash
from percept.stages.score import Score


class Holdings:
    """Files are known by their content, images by `label`, or their set's name without one, and their own.

    origins  the run of each set
    """

    def __init__(self, store: Store, tasks: Sequence[Task], label: str) -> None:
        self._label = label
        self._hashes = _hashes(path for task in tasks for path in _files(task))
        contents: dict[str, dict[str, str]] = {}
        for candidate in (candidate for task in tasks for candidate in task.candidates):
            contents.setdefault(candidate.set, {})[self._id(candidate)] = self._hashes[candidate.path]
        runs = list(store.ledger.records("run"))
        self.origins: dict[str, Origin] = {name: find_origin(store, runs, name, c) for name, c in contents.items()}

    def scores(self, candidate: Candidate, reference: Path | None) -> Mapping[str, Score]:
        """Assessor's key → score that the store holds of these very files."""
        files = self._hashes[candidate.path], self._hashes[reference] if reference else ""
        return self.origins[candidate.set].held.get((self._id(candidate), *files), {})

    def facts(self, judged: Judged) -> dict[str, Any]:
        """What a record says of an image: as those of recipes, and the hashes of its files; no image is stored."""
        return {
            "id": self._id(judged.candidate),
            "dataset": self._label or judged.candidate.set,
            **dataclasses.asdict(judged.target),
            **dict.fromkeys(("reference", "input", "output", "output_float"), ""),
            "file": self._hashes[judged.candidate.path],
            "reference_file": self._hashes[judged.reference] if judged.reference else "",
        }

    def _id(self, candidate: Candidate) -> str:
        return f"{self._label or candidate.set}/{candidate.image}"


def _files(task: Task) -> Iterator[Path]:
    if task.reference:
        yield task.reference
    yield from (candidate.path for candidate in task.candidates)


def _hashes(files: Iterable[Path]) -> dict[Path, str]:
    wanted = list(dict.fromkeys(files))
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(wanted, pool.map(_hash, wanted), strict=True))


def _hash(path: Path) -> str:
    """sha256 of a file; "" of one that cannot be read, which decoding it will report."""
    try:
        return file_hash(path)
    except InputError:
        return ""
