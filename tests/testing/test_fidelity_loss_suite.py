"""One loss that conforms, and for each check of losses alone one that breaks just this."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from percept.contracts import check_pair
from percept.specs import AssessorSpec, FidelityLossSpec, Spec
from torch import Tensor, nn


class Good(nn.Module):
    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        check_pair(output, target, "good", 8)
        return self.value(output, target)

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs().mean((1, 2, 3))

    def prepare(self, reference: Tensor) -> Tensor:
        return reference

    def score(self, images: Tensor, state: Tensor) -> Tensor:
        with torch.no_grad():
            return -self.forward(images, state)


class NoModule:
    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs().mean((1, 2, 3))


class RootOfZero(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().mean((1, 2, 3)).sqrt()


class RootOfPixel(Good):
    """Its value is finite everywhere, its gradient wherever one pixel has no error."""

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().sqrt().mean((1, 2, 3))


class PowerOfNegative(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return (output * (1 + 1e-6)).where(output > 0, output.pow(1.5)).sub(target).abs().mean((1, 2, 3))


class FirstImageOnly(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        first, others = output[:1], output[1:].detach()
        return super().value(torch.cat([first, others]), target)


class NoGradient(Good):
    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return super().forward(output.detach(), target)


class DoubleGradient(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        values = super().value(output, target)
        return 2 * values - values.detach()


class HalfDetached(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        weight = 1 + output.detach().square().mean((1, 2, 3))
        return super().value(output, target) * weight


class SinglePrecision(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return super().value(output.float(), target.float())


class Stays(Good):
    """A table that is no buffer stays where it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.full((3, 1, 1), 0.5)

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return super().value(output * self.weight.to(output.dtype), target * self.weight.to(output.dtype))


class OtherSlope(Good):
    """Backwards it tells another device from the processor, as code that has two ways of computing may by mistake."""

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        values = super().value(output, target)
        return values if output.device.type == "cpu" else 2 * values - values.detach()


class FearsBlur(Good):
    """As an assessor it puts blur behind the strongest noise, as a loss it does not."""

    def score(self, images: Tensor, state: Tensor) -> Tensor:
        roughness, wanted = (x.diff(dim=-1).square().mean((1, 2, 3)) for x in (images, state.expand_as(images)))
        return super().score(images, state) - (roughness < 0.9 * wanted).float()


def spec_of(cls: type, **facts: Any) -> FidelityLossSpec:
    name, target = cls.__name__.lower(), f"{__name__}:{cls.__name__}"
    defaults: dict[str, Any] = {"range": (0.0, float("inf")), "min_size": 8}
    return FidelityLossSpec(name=name, summary="", target=target, **{**defaults, **facts})


def assessor_of(cls: type) -> AssessorSpec:
    facts: Any = {"direction": "higher", "range": (-1e9, 0.0), "min_size": 8}
    return AssessorSpec(name=cls.__name__.lower(), summary="", target=f"{__name__}:{cls.__name__}", **facts)


DEGENERATE = {"identical-images", "flat-images", "black-and-white-images", "saturated-images"}

BROKEN = [
    (NoModule, {"builds"}, "NoModule is no nn.Module"),
    (RootOfZero, DEGENERATE, "13824 of 13824 values of the gradient are not finite"),
    (RootOfPixel, {*DEGENERATE, "one-differing-pixel"}, "values of the gradient are not finite"),
    (PowerOfNegative, {"out-of-range-output"}, "losses: nan, nan"),
    (FirstImageOnly, {"gradient-flows"}, "the gradient of image 1 is zero"),
    (DoubleGradient, {"gradient-correct"}, "along itself it is .*, central differences give"),
    (HalfDetached, {"gradient-correct"}, "central differences give"),
    (SinglePrecision, {"float64"}, "float64 images give torch.float32"),
    (Stays, {"other-device", "other-device-gradient"}, "aten.mul.Tensor is given tensors of two devices"),
    (OtherSlope, {"other-device-gradient"}, "they differ by"),
    (FearsBlur, {"two-lives-agree"}, "losses .* and .*, but scores"),
]


@pytest.mark.parametrize(("cls", "checks", "reason"), BROKEN)
def test_just_these_checks_fail(cls: type, checks: set[str], reason: str, failures: Any) -> None:
    specs: list[Spec] = [spec_of(cls)]
    if issubclass(cls, Good):
        specs.append(assessor_of(cls))
    found = failures(*specs)
    assert set(found) == checks
    for check, why in found.items():
        assert why.startswith(f"fidelity loss '{cls.__name__.lower()}' (percept-broken): {check}: ")
        assert re.search(reason, why), why


def test_good_ones_conform(all_failures: Any) -> None:
    assert all_failures(spec_of(Good), assessor_of(Good)) == {}
    assert all_failures(assessor_of(Good)) == {}


def test_without_any_gradient_whatever_needs_one_fails(failures: Any) -> None:
    found = failures(spec_of(NoGradient))
    assert set(found) >= {"gradient-flows", "gradient-correct", "identical-images"}
    assert found["gradient-flows"].endswith("the loss has no gradient")


def test_lives_are_compared_only_where_there_are_two(component: Any) -> None:
    from percept.testing import checks_for

    alone, both = (
        {c.name for c in checks_for(component(*specs))}
        for specs in ([spec_of(Good)], [spec_of(Good), assessor_of(Good)])
    )
    assert both - alone == {"two-lives-agree"}
