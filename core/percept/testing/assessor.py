"""Checks on assessors: `prepare` once per reference, `score` for each candidate."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import torch
from torch import Tensor

from percept.specs import AssessorSpec
from percept.testing import images
from percept.testing.any_metric import AnyMetricSuite
from percept.testing.check import check, require
from percept.testing.metric import has_reference
from percept.testing.values import require_close, require_finite


class AssessorSuite(AnyMetricSuite[AssessorSpec]):
    """An assessor whose spec says `reference: none` is scored with state None; one of a set, with a set's state."""

    def verify_interface(self, built: Any) -> None:
        for method in ("prepare", "score"):
            require(callable(getattr(built, method, None)), f"{type(built).__name__} has no method {method}")

    def evaluate(self, metric: Any, candidates: Tensor, reference: Tensor) -> Tensor:
        if self.spec.reference == "none":
            return metric.score(candidates, None)  # type: ignore[no-any-return]  # `shape` checks it
        if self.spec.reference == "set":
            reference = images.natural(8, self.side, self.side, seed=11).to(reference)
        return metric.score(candidates, metric.prepare(reference))  # type: ignore[no-any-return]  # as above

    def endure(self, candidates: Tensor, reference: Tensor) -> None:
        require_finite(self.measure(candidates, reference), "scores")

    @check(has_reference)
    def prepare_once(self) -> None:
        """A state prepared from one reference serves many candidates, time and again, as a state for each would."""
        reference = images.natural(1, self.side, self.side)
        candidates = torch.cat([images.noisy(reference, strength, seed=5) for strength in (0.05, 0.1, 0.2)])
        pairwise = self.measure(candidates, reference.expand_as(candidates).contiguous())
        with torch.no_grad():
            state = self.subject.prepare(reference)
            first, second = (self.subject.score(candidates, state) for _ in range(2))
        require_close(first, pairwise, "one state for all and a state for each")
        require_close(second, first, "a state's second use and its first")

    @check()
    def no_gradient_needed(self) -> None:
        """It scores under torch.inference_mode, too."""
        candidates, reference = self.pair()
        with torch.inference_mode():
            values = self.evaluate(self.rebuilt(), candidates, reference)
        require_close(values, self.measure(candidates, reference), "scores under inference_mode and no_grad")

    @check()
    def copies(self) -> None:
        """Deep copies and pickles of it score as it does."""
        pair = self.pair()
        for what, twin in (
            ("deep copy", copy.deepcopy(self.subject)),
            ("pickle", pickle.loads(pickle.dumps(self.subject))),
        ):
            with torch.no_grad():
                require_close(self.evaluate(twin, *pair), self.measure(*pair), f"scores of its {what} and its own")
