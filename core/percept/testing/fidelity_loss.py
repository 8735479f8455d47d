"""Checks on fidelity losses: what an optimiser will do with their values and gradients."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from percept.registry import Component
from percept.specs import AssessorSpec, FidelityLossSpec
from percept.testing import images
from percept.testing.any_metric import AnyMetricSuite
from percept.testing.assessor import AssessorSuite
from percept.testing.check import CheckSkipped, check, largest_difference, require
from percept.testing.contents import BEYOND
from percept.testing.other_device import far, moved, other_device
from percept.testing.values import require_finite

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP = 1e-7  # of the central difference: small enough to step over few kinks, large enough for float64
TOLERANCE = 1e-3


def has_other_life(suite: FidelityLossSuite) -> bool:
    """Whether the same plugin has an assessor of the loss's name."""
    return suite.assessor() is not None


class FidelityLossSuite(AnyMetricSuite[FidelityLossSpec]):
    """A loss takes (output, target); `output` is what is optimised."""

    outputs = (*AnyMetricSuite.outputs, *BEYOND)

    def verify_interface(self, built: Any) -> None:
        require(isinstance(built, nn.Module), f"{type(built).__name__} is no nn.Module")

    def evaluate(self, metric: Any, candidates: Tensor, reference: Tensor) -> Tensor:
        return metric(candidates, reference)  # type: ignore[no-any-return]  # `shape` checks it

    def endure(self, candidates: Tensor, reference: Tensor) -> None:
        values, gradient = _gradient(self.subject, candidates, reference)
        require_finite(values, "losses")
        bad = int((~gradient.isfinite()).sum())
        require(bad == 0, f"{bad} of {gradient.numel()} values of the gradient are not finite")

    @check()
    def out_of_range_output(self) -> None:
        """Outputs that leave [0, 1], as a generator's do, have finite losses and gradients."""
        target = images.natural(2, self.side, self.side)
        self.endure(images.noisy(target, 0.5, clamp=False), target)

    @check()
    def gradient_flows(self) -> None:
        """The gradient reaches every output image, and is not zero where output and target differ."""
        _, gradient = _gradient(self.subject, *self.pair())
        norms = gradient.flatten(1).norm(dim=1)
        require(bool((norms > 0).all()), f"the gradient of image {int(norms.argmin())} is zero")

    @check()
    def gradient_correct(self) -> None:
        """In float64 the gradient agrees with central differences, along itself and along random directions (1e-3)."""
        output, target = (0.1 + 0.8 * tensor.double() for tensor in self.pair(1))  # 0 and 1 may be kinks
        values, gradient = _gradient(self.subject, output, target)
        if values.dtype != torch.float64:
            raise CheckSkipped(f"needs a loss in float64, this one is {values.dtype}")
        size = gradient.norm().item()
        for what, direction, typical in _directions(gradient):
            slope = self._slope(output, target, direction)
            told = (gradient * direction).sum().item()
            require(
                abs(slope - told) <= TOLERANCE * (typical + abs(slope)),
                f"along {what} it is {told:.5g}, central differences give {slope:.5g} (norm {size:.3g})",
            )

    @check()
    def other_device_gradient(self) -> None:
        """On another device its gradient is what it is here (1e-3 of the largest), and mixes no tensors of the two."""
        pair = self.pair(1)
        _, here = _gradient(self.subject, *pair)
        with other_device() as device:
            _, there = _gradient(moved(self.rebuilt(), device), *(far(tensor) for tensor in pair))
            off = largest_difference(there.cpu(), here)
        largest = here.abs().max().item()
        require(off <= 1e-3 * largest, f"they differ by {off:.3g}, the largest here is {largest:.3g}")

    @check(has_other_life)
    def two_lives_agree(self) -> None:
        """The assessor of the same name puts three candidates in the same order."""
        assessor = self.assessor()
        assert assessor is not None, "the check would not have been listed"
        side = max(self.side, assessor.side)
        reference = images.natural(1, side, side)
        spoilt = images.noisy(reference, 0.02), images.blurred(reference), images.noisy(reference, 0.25)
        candidates = torch.cat(spoilt)
        target = reference.expand_as(candidates).contiguous()
        scores = assessor.measure(candidates, target).flatten()
        losses = self.measure(candidates, target).flatten()
        costs = scores if assessor.spec.direction == "lower" else -scores
        for i, j in itertools.combinations(range(3), 2):
            agree = bool((losses[i] < losses[j]) == (costs[i] < costs[j]))
            require(agree, f"losses {_pair(losses, i, j)}, but scores {_pair(scores, i, j)}")

    def assessor(self) -> AssessorSuite | None:
        """The suite of the assessor of the same name and plugin, with the parameters that it takes, or None."""
        for spec in self.component.plugin.specs:
            if isinstance(spec, AssessorSpec) and spec.name == self.spec.name:
                return AssessorSuite(Component(spec, self.component.plugin), self.parameters)
        return None

    def _slope(self, output: Tensor, target: Tensor, direction: Tensor) -> float:
        step = STEP * direction
        return (self.measure(output + step, target) - self.measure(output - step, target)).sum().item() / (2 * STEP)


def _gradient(loss: nn.Module, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Losses, and the gradient of their sum with respect to `output`."""
    output = output.clone().requires_grad_()
    values: Tensor = loss(output, target)
    require(values.requires_grad, "the loss has no gradient")
    (gradient,) = torch.autograd.grad(values.sum(), output, allow_unused=True)
    require(gradient is not None, "no gradient reaches the output")
    return values.detach(), gradient


def _directions(gradient: Tensor) -> Iterator[tuple[str, Tensor, float]]:
    """(name, direction, typical size of the slope along it); each has a root mean square of 1."""
    size = gradient.norm().item()
    yield "itself", gradient / max(size, 1e-30) * gradient.numel() ** 0.5, size * gradient.numel() ** 0.5
    rng = torch.Generator().manual_seed(2)
    for number in (1, 2):
        yield f"random direction {number}", torch.randn(gradient.shape, generator=rng, dtype=gradient.dtype), size


def _pair(values: Tensor, i: int, j: int) -> str:
    return f"{values[i].item():.6g} and {values[j].item():.6g}"
