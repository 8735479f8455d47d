"""Checks on degradations: target batch → degraded batch, seeded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from percept.specs import DegradationSpec
from percept.testing import images
from percept.testing.check import Suite, check, largest_difference, require, require_image_error
from percept.testing.other_device import far, other_device

SCALE = 2


class DegradationSuite(Suite[DegradationSpec]):
    """One that resizes is built with `scale=2` unless the parameters say otherwise."""

    def build(self, seed: int = 0, **more: Any) -> Any:
        if self.spec.resizes and "scale" not in self.parameters:
            more.setdefault("scale", SCALE)
        return super().build(seed, **more)

    def verify_interface(self, built: Any) -> None:
        require(callable(built), f"{type(built).__name__} cannot be called")
        scale = getattr(built, "scale", None)
        require(isinstance(scale, int) and scale >= 1, f"its `scale` is {scale!r}, not a whole number of 1 or more")
        require(self.spec.resizes or scale == 1, f"its `scale` is {scale}, but its spec says resizes=False")

    @property
    def target(self) -> Tensor:
        """Natural images (2, 3, H, W) with H, W multiples of the scale, not square."""
        scale = int(self.subject.scale)
        return images.natural(2, 16 * scale, 21 * scale)

    def degrade(self, target: Tensor, seed: int = 0) -> Tensor:
        """The degraded batch, drawn from a generator with that seed."""
        return self.subject(target, torch.Generator().manual_seed(seed))  # type: ignore[no-any-return]  # `shape` checks it

    @check()
    def shape(self) -> None:
        """(N, 3, H, W) becomes (N, 3, H/scale, W/scale), with the dtype and on the device of the input."""
        target = self.target
        degraded = self.degrade(target)
        expected = (2, 3, *(side // self.subject.scale for side in target.shape[-2:]))
        require(degraded.shape == expected, f"{tuple(target.shape)} gives {tuple(degraded.shape)}, not {expected}")
        require(degraded.dtype == target.dtype, f"{target.dtype} gives {degraded.dtype}")
        require(degraded.device == target.device, f"from {target.device} to {degraded.device}")

    @check()
    def finite(self) -> None:
        """Natural, black and white targets stay finite, with a generator of random numbers or without."""
        for what, target in (("natural", self.target), ("black", 0 * self.target), ("white", 0 * self.target + 1)):
            for degraded in (self.degrade(target), self.subject(target)):
                require(bool(degraded.isfinite().all()), f"{what} targets give values that are not finite")

    @check()
    def seeded(self) -> None:
        """All randomness comes from the generator given: the same seed gives the same bits."""
        first = self.degrade(self.target)
        torch.manual_seed(1)
        worst = largest_difference(self.degrade(self.target), first)
        require(worst == 0, f"the same seed again differs by {worst:.3g}")

    @check()
    def stochastic(self) -> None:
        """Another seed gives another image if, and only if, the spec says stochastic."""
        same = largest_difference(self.degrade(self.target, seed=0), self.degrade(self.target, seed=1)) == 0
        found = f"another seed gives {'the same image' if same else 'another image'}"
        require(same != self.spec.stochastic, f"{found}, its spec says stochastic={self.spec.stochastic}")

    @check(lambda suite: not suite.spec.stochastic)
    def batch_independence(self) -> None:
        """A target gives the same input alone and beside others, to 1e-6."""
        target = self.target
        target[1] = 0
        worst = largest_difference(self.degrade(target[:1].clone()), self.degrade(target)[:1])
        require(worst <= 1e-6, f"image 0 alone and in its batch differ by {worst:.3g}")

    @check()
    def inputs_unchanged(self) -> None:
        """Targets are not written to."""
        target = self.target
        before = target.clone()
        self.degrade(target)
        require(torch.equal(target, before), "the targets changed")

    @check()
    def other_device(self) -> None:
        """Targets on another device are degraded there as they are here, by a generator of numbers that stays here."""
        target = self.target
        state = torch.get_rng_state()  # whose numbers those are is another check's
        here = self.degrade(target.clone())
        torch.set_rng_state(state)
        with other_device() as device:
            degraded = self.degrade(far(target))
            require(degraded.device == device, f"from {device} to {degraded.device}")
            worst = largest_difference(degraded.cpu(), here)
        require(worst <= 1e-5, f"there and here differ by {worst:.3g}")

    @check(lambda suite: suite.spec.resizes and suite.parameters.get("scale") != 1)
    def multiples_only(self) -> None:
        """Targets whose height or width is no multiple of the scale raise ImageError of one line."""
        scale = int(self.subject.scale)
        for height, width in ((8 * scale + 1, 8 * scale), (8 * scale, 8 * scale + 1)):
            target = images.natural(1, height, width)
            require_image_error(lambda t=target: self.degrade(t), f"a target of {width}×{height} at scale {scale}")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
