"""One assessor at work on one image: a value, or what to say where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from percept.contracts import Assessor
from percept.errors import ImageError
from percept.specs import AssessorSpec
from percept.stages.score import FAILED, NOT_APPLICABLE, Options, Score, no_score
from percept.training.runtime import exactly


@dataclass(frozen=True)
class Prepared:
    """What one judge computed once of one reference; `problem` stands in the place of every score if it could not."""

    state: Any = None
    problem: Score | None = None


@dataclass
class Judge:
    """An assessor with what its scores are kept by. `facts` go into the record; `broken` says why it was not built.

    Nothing that an assessor does is raised: it costs that score, or that reference's scores, and nobody else's.
    """

    facts: dict[str, Any]
    spec: AssessorSpec | None
    options: Options
    assessor: Assessor | None = None
    broken: str = ""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def compares(self) -> bool:
        """Whether it needs a reference."""
        return self.spec is not None and self.spec.reference != "none"

    @torch.no_grad()
    def prepare(self, reference: Tensor | None) -> Prepared:
        """What is worth computing once of (1, 3, H, W) for all images that are compared with it."""
        if self.assessor is None or self.spec is None:
            return Prepared(problem=no_score(FAILED, self.broken))
        if not self.compares:
            return Prepared()
        if reference is None:
            return Prepared(problem=no_score(NOT_APPLICABLE, "needs a reference"))
        ready = self.options.apply(reference)
        prepare = self.assessor.prepare
        small = self._too_small(ready)
        if small:
            return Prepared(problem=small)
        with exactly(self.device):
            return Prepared(*_attempt(lambda: prepare(ready.to(self.device))))

    @torch.no_grad()
    def score(self, image: Tensor, reference: Tensor | Prepared | None) -> Score:
        """Score (1, 3, H, W) against a reference of the same size, what `prepare` made of one, or None."""
        prepared = reference if isinstance(reference, Prepared) else self.prepare(reference)
        if prepared.problem or self.assessor is None:
            return prepared.problem or no_score(FAILED, self.broken)
        ready = self.options.apply(image)
        score = self.assessor.score
        small = self._too_small(ready)
        if small:
            return small
        with exactly(self.device):
            value, problem = _attempt(lambda: float(score(ready.to(self.device), prepared.state).reshape(-1)[0]))
        if problem:
            return problem
        return Score(value) if math.isfinite(value) else no_score(FAILED, f"returned {value}")

    def _too_small(self, image: Tensor) -> Score | None:
        needed = self.spec.min_size if self.spec else 1
        height, width = image.shape[-2:]
        if min(height, width) >= needed:
            return None
        return no_score(NOT_APPLICABLE, f"needs at least {needed} pixels a side, has {width}×{height}")


def _attempt(work: Callable[[], Any]) -> tuple[Any, Score | None]:
    try:
        return work(), None
    except ImageError as error:
        return None, no_score(NOT_APPLICABLE, str(error))
    except Exception as error:  # somebody else's code: one bad assessor must not cost the others' scores
        return None, no_score(FAILED, f"{type(error).__name__}: {' '.join(str(error).split())}")
