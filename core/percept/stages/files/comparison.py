"""One reference before all assessors, and one image after the other beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from percept.errors import ImageError
from percept.stages.files.match import Candidate, Task
from percept.stages.judge import Judge, Prepared
from percept.stages.record import content_hash
from percept.stages.score import FAILED, Score, no_score


@dataclass(frozen=True)
class Target:
    """What is known of the image that a score is about: the reference, or the image itself where there is none."""

    sha256: str = ""
    height: int = 0
    width: int = 0


@dataclass(frozen=True)
class Judged:
    """One image with a score for each assessor, those known before included.

    reference  the file that it was compared with
    problem    why the image, or its reference, is of no use; "" if both are
    lonely     it has no reference, though it should
    """

    candidate: Candidate
    scores: tuple[Score, ...]
    reference: Path | None = None
    problem: str = ""
    lonely: bool = False
    target: Target = Target()


class Comparison:
    """Each assessor prepares the reference when it first needs it, and never again.

    `reference`: (1, 3, H, W), why there is none, or None where no assessor asks for it. `identify`: hash it.
    """

    def __init__(
        self, task: Task, judges: Sequence[Judge], reference: Tensor | ImageError | None, identify: bool
    ) -> None:
        self._task, self._judges = task, judges
        self._reference = reference if isinstance(reference, Tensor) else None
        self._without = str(reference) if isinstance(reference, ImageError) else task.lonely
        self._compares = any(judge.compares for judge in judges)
        self._prepared: dict[int, Prepared] = {}
        self._target = _target(self._reference, identify)

    def judge(self, candidate: Candidate, image: Tensor | ImageError) -> Judged:
        """Every score of one image that is not known yet."""
        if isinstance(image, ImageError):
            failed = no_score(FAILED, str(image))
            scores = tuple(candidate.known.get(judge.facts["key"], failed) for judge in self._judges)
            return self._judged(candidate, scores, str(image), self._target)
        problem = self._without or (self._mismatch(candidate, image) if self._compares else "")
        scores = tuple(self._score(number, candidate, image, problem) for number in range(len(self._judges)))
        return self._judged(candidate, scores, problem, self._target if self._task.reference else _target(image, False))

    def known(self, candidate: Candidate) -> Judged:
        """An image whose scores are all known."""
        return self._judged(candidate, tuple(candidate.known[judge.facts["key"]] for judge in self._judges), "")

    def _score(self, number: int, candidate: Candidate, image: Tensor, problem: str) -> Score:
        judge = self._judges[number]
        if judge.facts["key"] in candidate.known:
            return candidate.known[judge.facts["key"]]
        if problem and judge.compares:
            return no_score(FAILED, problem)
        if number not in self._prepared:
            self._prepared[number] = judge.prepare(self._reference)
        return judge.score(image, self._prepared[number])

    def _judged(
        self, candidate: Candidate, scores: tuple[Score, ...], problem: str, target: Target = Target()
    ) -> Judged:
        return Judged(candidate, scores, self._task.reference, problem, bool(self._task.lonely), target)

    def _mismatch(self, candidate: Candidate, image: Tensor) -> str:
        if self._reference is None or self._reference.shape == image.shape:
            return ""
        mine, other = (f"{t.shape[-1]}×{t.shape[-2]}" for t in (image, self._reference))
        return f"{candidate.path}: is {mine}, its reference {self._task.reference} is {other}: make them the same size"


def _target(image: Tensor | None, identify: bool) -> Target:
    if image is None:
        return Target()
    return Target(content_hash(image) if identify else "", image.shape[-2], image.shape[-1])
