"""What `assess_files` found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from percept.stages.files.comparison import Judged


@dataclass(frozen=True)
class Assessed:
    """Images with their scores, set by set.

    assessors   their facts, in the order of each image's scores
    references  all that there are to compare with, by name; empty without any, or with one for all
    new, held   how many scores the store did not hold before, and how many it did
    notes       what else there is to know about the store
    """

    assessors: Sequence[Mapping[str, Any]]
    sets: Sequence[str]
    images: Sequence[Judged]
    references: Mapping[str, Path]
    new: int = 0
    held: int = 0
    notes: Sequence[str] = ()

    def of(self, name: str) -> list[Judged]:
        """The images of one set."""
        return [judged for judged in self.images if judged.candidate.set == name]

    def values(self, name: str) -> list[list[float]]:
        """For each assessor the scores of one set, without those that are missing."""
        columns = zip(*(judged.scores for judged in self.of(name)), strict=True)
        return [[score.value for score in column if score.ok] for column in columns]

    def unused(self, name: str) -> list[str]:
        """The references that no image of a set was compared with."""
        used = {judged.reference for judged in self.of(name)}
        return [reference for reference, path in self.references.items() if path not in used]
