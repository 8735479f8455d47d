"""Which image is compared with which: by name, reference by reference, so that each of these is prepared once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from percept.errors import InputError
from percept.stages.files.find import ImageSet
from percept.stages.files.references import References
from percept.stages.score import Score


@dataclass(frozen=True)
class Candidate:
    """One image to be judged. `image`: its name in results; `known`: assessor's key → score that it has already."""

    set: str
    image: str
    path: Path
    known: Mapping[str, Score] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One reference and all images that are compared with it; `lonely` says why there is none where one is needed."""

    reference: Path | None
    candidates: tuple[Candidate, ...]
    lonely: str = ""


def match(sets: Iterable[ImageSet], references: References | None) -> list[Task]:
    """A task for each reference, in the order of their names, then one for each image that has none.

    An image goes by its reference's name, unless another of its set has the same reference. Raises InputError if no
    image has a reference.
    """
    if references is None or references.only:
        only = references.only if references else None
        alone = [Candidate(s.name, name, path) for s in sets for name, path in s.images.items()]
        return [Task(only, tuple(alone))] if only else [Task(None, (candidate,)) for candidate in alone]
    together: dict[str, list[Candidate]] = defaultdict(list)
    lonely: list[Task] = []
    for images in sets:
        for name, path in images.images.items():
            try:
                together[references.find(name)].append(Candidate(images.name, name, path))
            except LookupError as error:
                lonely.append(Task(None, (Candidate(images.name, name, path),), lonely=str(error.args[0])))
    if not together:
        raise InputError(references.advice([task.candidates[0].image for task in lonely]))
    fitting = [Task(references.files[name], _renamed(name, together[name])) for name in sorted(together)]
    return fitting + lonely


def _renamed(name: str, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    several = Counter(candidate.set for candidate in candidates)
    return tuple(c if several[c.set] > 1 else Candidate(c.set, name, c.path) for c in candidates)
