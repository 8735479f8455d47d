"""Which of several ground truths a patch is trained towards: the samplers of arXiv:2504.18524.

Every sampler sees one image's ground truths, the original first, and draws with one number from [0, 1).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor

from percept.contracts import LABELS
from percept.errors import DataError

Rule = Literal["originals", "rand", "upos", "sma", "smp", "amo"]
Quality = Callable[[Tensor], Tensor]
POSITIVE, _, NEGATIVE = LABELS


class GroundTruths:
    """A sampler of ground truths.

    rule         originals: the first · rand: all alike · upos: positives alike · sma, smp: softmax(Q/temperature) over
                 all, or over positives · amo: crop first, then the patch of the highest Q
    quality      (N, 3, H, W) → (N,), higher is better: Q; needed by sma, smp and amo
    temperature  of sma and smp, in units of Q
    """

    def __init__(self, rule: Rule, quality: Quality | None = None, temperature: float = 1.0) -> None:
        self.rule, self.quality, self.temperature = rule, quality, temperature

    @property
    def looks_at_patches(self) -> bool:
        """Whether it decides on the patches themselves."""
        return self.rule == "amo"

    def odds(self, images: Sequence[Tensor], labels: Sequence[str]) -> list[float]:
        """Cumulative probabilities of whole images (3, H, W), of which `labels` are positive, similar or negative.

        An original without a label is a positive one; where nothing is positive, the original is all there is.
        """
        return list(accumulate(self._probabilities(images, labels)))

    def best(self, patches: Tensor) -> int:
        """Which of the patches (N, 3, h, w) of one place is the best. Raises DataError if Q is finite for none."""
        assert self.quality is not None
        scores = self.quality(patches)
        scores = torch.where(scores.isfinite(), scores, -torch.inf)
        if not bool(scores.isfinite().any()):
            raise DataError("optimize.ground-truth: the assessor has no score for any of a patch's ground truths")
        return int(scores.argmax())

    def _probabilities(self, images: Sequence[Tensor], labels: Sequence[str]) -> list[float]:
        allowed = self._allowed(labels)
        if self.rule not in ("sma", "smp") or len(allowed) == 1:
            return [1 / len(allowed) if i in allowed else 0.0 for i in range(len(images))]
        assert self.quality is not None
        scores = torch.stack([self.quality(images[i][None])[0] for i in allowed]).double()
        chances = torch.softmax(scores / self.temperature, 0)
        if not bool(chances.isfinite().all()):
            raise DataError("optimize.ground-truth: the assessor's scores of some ground truths are not finite")
        shares = dict(zip(allowed, chances.tolist(), strict=True))
        return [shares.get(i, 0.0) for i in range(len(images))]

    def _allowed(self, labels: Sequence[str]) -> list[int]:
        if self.rule == "originals":
            return [0]
        if self.rule in ("upos", "smp"):
            return positives(labels)
        return list(range(len(labels)))


def positives(labels: Sequence[str]) -> list[int]:
    """Places of the positive ground truths; the original where there is none."""
    return [i for i, label in enumerate(labels) if label == POSITIVE] or [0]


def negatives(labels: Sequence[str]) -> list[int]:
    """Places of the negative ones, perhaps none."""
    return [i for i, label in enumerate(labels) if label == NEGATIVE]


def pick(cumulative: Sequence[float], draw: float) -> int:
    """The place that `draw` from [0, 1) falls on."""
    return min(bisect_right(cumulative, draw * cumulative[-1]), len(cumulative) - 1)
