"""Checks on metrics whose images are drawn: whatever they show, whatever their size, whatever their mates.

The checks in `metric` are a few fixed cases each; these are the same requirements on 24 others, or on as many as the
environment's PERCEPT_TEST_EXAMPLES says. `percept.testing.pairs.Pair` makes the images that a message names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch

from percept.specs import MetricSpec
from percept.testing.check import check, require
from percept.testing.contents import CONTENTS, SPOILT
from percept.testing.drawn import examples, require_all
from percept.testing.metric import MetricSuite, has_reference
from percept.testing.strategies import batches, deck, pairs
from percept.testing.values import require_close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from percept.testing.pairs import Batch, Pair

M = TypeVar("M", bound=MetricSpec)

IN_RANGE = (*SPOILT, *CONTENTS)
TOLERANCE = {"relative": 1e-6, "absolute": 1e-9}  # of float64, so that only mistakes exceed it


class AnyMetricSuite(MetricSuite[M]):
    """A metric's suite with the checks on drawn images. `outputs`: what those that it has to endure may show."""

    outputs: tuple[str, ...] = IN_RANGE

    @check()
    def any_pair(self) -> None:
        """Whatever images show, at any size from the least one on, values are finite, and so are a loss's gradients."""
        fixed = deck(self.spec.min_size, self.outputs)
        self._require_all(lambda pair: self.endure(*pair.images()), self.outputs, fixed=fixed)

    @check()
    def any_range(self) -> None:
        """Whatever images in [0, 1] show, values lie within the spec's range."""
        verify = lambda pair: self.require_in_range(self.measure(*pair.images()), "value")  # noqa: E731  # short
        self._require_all(verify, IN_RANGE, fixed=deck(self.spec.min_size, IN_RANGE))

    @check(has_reference)
    def any_identical(self) -> None:
        """Whatever a reference shows, nothing that differs from it by a pixel or by noise is better than itself."""
        others = [name for name in SPOILT if name != "equal"]
        self._require_all(self._require_identical_best, others, share=0.5)

    @check(has_reference)
    def any_direction(self) -> None:
        """For natural references of any size: the more noise, the worse."""
        verify = lambda pair: self.require_ladder(pair.images()[1])  # noqa: E731  # as above
        self._require_all(verify, ["noisy"], ["natural"], share=0.5, least=self.side)

    @check(lambda suite: suite.spec.symmetric)
    def any_symmetric(self) -> None:
        """Whatever image and reference show, they may change places (float64, relative 1e-6)."""
        self._require_all(self._require_symmetric, IN_RANGE, share=0.5)

    @check()
    def any_batch(self) -> None:
        """An image has the same value alone, and among any others in any order (float64, relative 1e-6)."""
        self.subject  # noqa: B018  # builds it, or skips
        require_all(lambda: batches(self.spec.min_size, self.outputs), self._require_independent, examples(0.3))

    def _require_all(
        self,
        verify: Callable[[Pair], None],
        outputs: Sequence[str],
        targets: Sequence[str] = tuple(CONTENTS),
        share: float = 1.0,
        least: int = 0,
        fixed: Iterable[Pair] = (),
    ) -> None:
        self.subject  # noqa: B018  # as above
        least = max(least, self.spec.min_size)
        require_all(lambda: pairs(least, outputs, targets), verify, examples(share), fixed)

    def _require_identical_best(self, pair: Pair) -> None:
        output, target = pair.images()
        values = self.measure(torch.cat([target, output]), target.repeat(2, 1, 1, 1))
        own, other = values.flatten().tolist()
        lead = (own - other) * (1 if self.spec.direction == "lower" else -1)
        better = f"the target itself gives {own:.7g}, the output {other:.7g}, but {self.spec.direction} is better"
        require(not lead > 1e-5 * max(1.0, abs(own)), better)

    def _require_symmetric(self, pair: Pair) -> None:
        output, target = (image.double() for image in pair.images())
        require_close(self.measure(output, target), self.measure(target, output), "x, y and y, x", **TOLERANCE)

    def _require_independent(self, batch: Batch) -> None:
        outputs, targets = (images.double() for images in batch.images())
        together = self.measure(outputs, targets)
        alone = torch.cat([self.measure(*one) for one in zip(outputs[:, None], targets[:, None], strict=True)])
        require_close(alone, together, "values alone and together", **TOLERANCE)
