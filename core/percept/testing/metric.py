"""What both lives of a metric must do alike: shapes, ranges, batches, sizes, degenerate images."""

from __future__ import annotations

import itertools
from typing import Any, TypeVar

import torch
from torch import Tensor

from percept.specs import MetricSpec
from percept.testing import images
from percept.testing.check import Suite, check, require, require_image_error
from percept.testing.other_device import far, moved, other_device
from percept.testing.values import listed, require_close, require_finite

M = TypeVar("M", bound=MetricSpec)

LADDER = (0.02, 0.08, 0.3)  # standard deviations of the noise that `direction` adds, in [0, 1]
LEAST_SIDE = 48


def has_reference(suite: MetricSuite[Any]) -> bool:
    """Whether the metric compares an image with its own reference."""
    return bool(suite.spec.reference == "full")


class MetricSuite(Suite[M]):
    """Checks on `measure(image, reference) → (N,)`, whichever life that is."""

    def evaluate(self, metric: Any, candidates: Tensor, reference: Tensor) -> Tensor:
        """Score or loss by `metric` of each candidate against its reference, which some metrics ignore."""
        raise NotImplementedError

    def measure(self, candidates: Tensor, reference: Tensor) -> Tensor:
        """The subject's score or loss of each candidate, without a gradient."""
        with torch.no_grad():
            return self.evaluate(self.subject, candidates, reference)

    def endure(self, candidates: Tensor, reference: Tensor) -> None:
        """Raise ConformanceError unless the metric copes with such images."""
        raise NotImplementedError

    @property
    def side(self) -> int:
        """Pixels a side of the images that most checks use."""
        return max(self.spec.min_size, LEAST_SIDE)

    def pair(self, count: int = 3, strength: float = 0.1) -> tuple[Tensor, Tensor]:
        """(noisy candidates, their references), each (count, 3, side, side)."""
        reference = images.natural(count, self.side, self.side)
        return images.noisy(reference, strength), reference

    @check()
    def shape(self) -> None:
        """N images give N values: shape (N,), floating point."""
        for count in (1, 3):
            values = self.measure(*self.pair(count))
            require(isinstance(values, Tensor), f"{count} images give {type(values).__name__}, not a tensor")
            require(values.shape == (count,), f"{count} images give shape {tuple(values.shape)}, not ({count},)")
            require(values.is_floating_point(), f"values are {values.dtype}, not floating point")

    @check()
    def finite(self) -> None:
        """Values on natural images, with noise, blur or neither, are finite."""
        spoilt, reference = self.pair()
        for what, candidates in (("noisy", spoilt), ("blurred", images.blurred(reference))):
            require_finite(self.measure(candidates, reference), f"{what} images")

    @check()
    def range(self) -> None:
        """Values lie within the spec's range, on natural and random images, likeness and contrast."""
        size = (3, self.side, self.side)
        spoilt, reference = self.pair()
        candidates = {"the reference itself": reference, "noisy": spoilt, "random": images.uniform_noise(*size)}
        for what, images_ in candidates.items():
            self.require_in_range(self.measure(images_, reference), what)
        self.require_in_range(self.measure(images.flat(0, *size), images.flat(1, *size)), "black against white")

    @check(has_reference)
    def direction(self) -> None:
        """The reference itself is best, and the more noise, the worse, in the spec's direction."""
        self.require_ladder(images.natural(3, self.side, self.side))

    @check()
    def batch_independence(self) -> None:
        """An image has the same value alone, in any batch, and at any place in it (relative 1e-5)."""
        candidates, reference = self.pair()
        together = self.measure(candidates, reference)
        for i, (candidate, own) in enumerate(zip(candidates, reference, strict=True)):
            require_close(self.measure(candidate[None], own[None]), together[i], f"image {i} alone and in its batch")
        extremes = [images.flat(value, 1, self.side, self.side) for value in (0, 1)]
        mixed = torch.cat([*extremes, candidates.flip(0)]), torch.cat([*extremes[::-1], reference.flip(0)])
        others = self.measure(*mixed).flatten()[2:].flip(0)
        require_close(others, together, "among other images, in another order,")

    @check()
    def sizes(self) -> None:
        """Images need be neither square nor of even size."""
        for height, width in ((self.side, self.side + 13), (self.side + 7, self.side + 2)):
            reference = images.natural(2, height, width)
            values = self.measure(images.noisy(reference, 0.1), reference)
            require(values.numel() == 2, f"2 images of {width}×{height} give shape {tuple(values.shape)}")
            require_finite(values, f"images of {width}×{height}")

    @check()
    def min_size(self) -> None:
        """Images of the spec's min_size a side have finite values."""
        least = self.spec.min_size
        for width in (least, least + 5):
            reference = images.natural(2, least, width)
            require_finite(self.measure(images.noisy(reference, 0.1), reference), f"images of {width}×{least}")

    @check(lambda suite: suite.spec.min_size > 1)
    def smaller_refused(self) -> None:
        """An image one pixel lower or narrower than the spec's min_size raises ImageError of one line."""
        least, more = self.spec.min_size, self.spec.min_size + 5
        for height, width in ((least - 1, more), (more, least - 1)):
            reference = images.natural(1, height, width)
            require_image_error(lambda r=reference: self.measure(r, r), f"an image of {width}×{height}")  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    @check()
    def wrong_shape_refused(self) -> None:
        """Anything but (N, 3, H, W) raises ImageError of one line, and so do sizes that differ from the reference's."""
        good = images.natural(1, self.side, self.side)
        for what, bad in (("an image without a batch", good[0]), ("one channel", good[:, :1])):
            require_image_error(lambda b=bad: self.measure(b, b), what)  # type: ignore[misc]  # as above
        if self.spec.reference == "full":
            larger = images.natural(1, self.side, self.side + 1)
            require_image_error(lambda: self.measure(good, larger), "a reference one pixel wider")

    @check()
    def identical_images(self) -> None:
        """Natural images that equal their references do no harm."""
        reference = images.natural(2, self.side, self.side)
        self.endure(reference, reference)

    @check()
    def flat_images(self) -> None:
        """Flat images do no harm: equal, of another grey, or against a natural reference."""
        size = (2, self.side, self.side)
        grey = images.flat(0.5, *size)
        for candidates, reference in ((grey, grey), (images.flat(0.4, *size), grey), (grey, images.natural(*size))):
            self.endure(candidates, reference)

    @check()
    def black_and_white_images(self) -> None:
        """Black and white images do no harm: equal, or one against the other."""
        black, white = (images.flat(value, 2, self.side, self.side) for value in (0, 1))
        for candidates, reference in itertools.product((black, white), repeat=2):
            self.endure(candidates, reference)

    @check()
    def saturated_images(self) -> None:
        """Images of nothing but zeros and ones do no harm."""
        size = (2, self.side, self.side)
        for reference in (images.natural(*size), images.saturated(*size)):
            self.endure(images.saturated(*size), reference)

    @check()
    def one_differing_pixel(self) -> None:
        """Images that differ from their references in one pixel do no harm."""
        size = (2, self.side, self.side)
        for reference in (images.natural(*size), images.flat(0.4, *size)):
            self.endure(images.one_pixel_changed(reference), reference)

    @check(lambda suite: suite.spec.symmetric)
    def symmetric(self) -> None:
        """An image and its reference may change places (relative 1e-5)."""
        candidates, reference = self.pair()
        require_close(self.measure(candidates, reference), self.measure(reference, candidates), "x, y and y, x")

    @check()
    def deterministic(self) -> None:
        """The same images have the same values, to the last bit."""
        first, second = (self.measure(*self.pair()) for _ in range(2))
        require(torch.equal(first, second), f"{listed(first)} at first, then {listed(second)}")

    @check()
    def inputs_unchanged(self) -> None:
        """Neither images nor reference are written to."""
        pair = self.pair()
        before = [tensor.clone() for tensor in pair]
        self.measure(*pair)
        for what, tensor, kept in zip(("the images", "the reference"), pair, before, strict=True):
            require(torch.equal(tensor, kept), f"{what} changed")

    @check()
    def float64(self) -> None:
        """float64 images have float64 values, which agree with those in float32 (relative 1e-3)."""
        candidates, reference = self.pair()
        values = self.measure(candidates.double(), reference.double())
        require(values.dtype == torch.float64, f"float64 images give {values.dtype}")
        require_close(self.measure(candidates, reference).double(), values, "float32 and float64", relative=1e-3)

    @check()
    def other_device(self) -> None:
        """Moved to another device it gives what it gives here (relative 1e-4), and mixes no tensors of the two."""
        pair = self.pair()
        with other_device() as device, torch.no_grad():
            values = self.evaluate(moved(self.rebuilt(), device), *(far(tensor) for tensor in pair))
            require(values.device == device, f"values are on {values.device}, not on that of the images")
            require_close(values.cpu(), self.measure(*pair), "there and here", relative=1e-4)

    def require_ladder(self, reference: Tensor) -> None:
        """Raise ConformanceError unless `reference` is best as its own candidate, and the worse the more noise."""
        ladder = [reference, *(images.noisy(reference, strength) for strength in LADDER)]
        values = torch.stack([self.measure(step, reference).flatten() for step in ladder])
        worse = values.diff(dim=0) * (1 if self.spec.direction == "lower" else -1)
        wrong = (worse <= 0).any(dim=0)
        shown = ", ".join(f"{v:.4g}" for v in values[:, int(wrong.int().argmax())].tolist())
        noise = ", ".join(map(str, (0, *LADDER)))
        require(not wrong.any(), f"noise of {noise} gives {shown}, but {self.spec.direction} is better")

    def require_in_range(self, values: Tensor, what: str) -> None:
        """Raise ConformanceError unless all values lie in the spec's range, which rounding may overstep."""
        low, high = self.spec.range
        slack = [1e-5 * max(1.0, abs(bound)) for bound in (low, high)]
        outside = bool(((values < low - slack[0]) | (values > high + slack[1])).any())
        require(not outside, f"{what}: {listed(values)}, outside of [{low:g}, {high:g}]")
