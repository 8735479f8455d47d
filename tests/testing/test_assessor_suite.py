"""One assessor that conforms, and for each check one that breaks just this."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
import torch
from percept.contracts import check_images, check_pair
from percept.errors import ImageError
from percept.specs import AssessorSpec
from percept.testing import checks_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

MIN_SIZE = 8


class Good:
    """Mean absolute error, with hooks to break it at."""

    def prepare(self, reference: Tensor) -> Any:
        check_images(reference, "good", MIN_SIZE)
        return reference

    def score(self, images: Tensor, state: Any) -> Tensor:
        check_pair(images, state, "good", MIN_SIZE)
        return self.value(images, state)

    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return (images - reference).abs().mean((1, 2, 3))


class Undefined(Good):
    """NaN wherever `where` says."""

    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        bad = torch.stack(
            [
                torch.as_tensor(self.where(x, y)).to(images.device)
                for x, y in zip(images, reference.expand_as(images), strict=True)
            ]
        )
        return super().value(images, reference).masked_fill(bad, torch.nan)

    def where(self, image: Tensor, reference: Tensor) -> Tensor | bool:
        raise NotImplementedError


def energy(image: Tensor) -> Tensor:
    return image.diff(dim=-1).square().mean()


def levels(image: Tensor) -> int:
    return len(set(image.flatten().tolist()))


class Returns(Good):
    """Takes its scores back to the processor."""

    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return super().value(images, reference).cpu()


class WithoutScore:
    def prepare(self, reference: Tensor) -> Tensor:
        return reference


class Column(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return super().value(images, reference)[:, None]


class UndefinedWhenBlurred(Undefined):
    def where(self, image: Tensor, reference: Tensor) -> Tensor:
        return (energy(image) / energy(reference) > 0.05) & (energy(image) < 0.95 * energy(reference))


class TooLarge(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return 100 * super().value(images, reference)


class Backwards(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return 1 - super().value(images, reference)


class Contaminated(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        values = super().value(images, reference)
        return 0.9 * values + 0.1 * values.mean()


class StateWearsOut(Good):
    def prepare(self, reference: Tensor) -> Any:
        return [super().prepare(reference), 0]

    def score(self, images: Tensor, state: Any) -> Tensor:
        state[1] += 1
        return super().score(images, state[0]) + float(state[1] - 1) / 1000


class StateForOne(Good):
    def score(self, images: Tensor, state: Any) -> Tensor:
        if images.shape != state.shape:
            raise ImageError("prepare a reference for each image")
        return super().score(images, state)


class EvenOnly(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        if images.shape[-2] % 2:
            raise ImageError("an even height is needed")
        return super().value(images, reference)


class NeedsOneMore(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        check_images(images, "one more", MIN_SIZE + 1)
        return super().value(images, reference)


class TakesAnySize(Good):
    def prepare(self, reference: Tensor) -> Tensor:
        return reference

    def score(self, images: Tensor, state: Tensor) -> Tensor:
        check_pair(images, state, "any size")
        return self.value(images, state)


class RefusesAsValueError(Good):
    def prepare(self, reference: Tensor) -> Tensor:
        if min(reference.shape[-2:]) < MIN_SIZE:
            raise ValueError("too small")
        return super().prepare(reference)  # type: ignore[no-any-return]  # it is what came in


class RefusesAtLength(Good):
    def prepare(self, reference: Tensor) -> Tensor:
        if min(reference.shape[-2:]) < MIN_SIZE:
            raise ImageError("too small\nmake it larger")
        return super().prepare(reference)  # type: ignore[no-any-return]  # as above


class CropsToCommonSize(Good):
    def score(self, images: Tensor, state: Tensor) -> Tensor:
        width = min(images.shape[-1], state.shape[-1])
        return super().score(images[..., :width], state[..., :width])


class TakesGrey(Good):
    def prepare(self, reference: Tensor) -> Tensor:
        return reference

    def score(self, images: Tensor, state: Tensor) -> Tensor:
        return super().score(*(i.expand(-1, 3, -1, -1) if i.ndim == 4 else i for i in (images, state)))


class UndefinedAtIdentity(Undefined):
    def where(self, image: Tensor, reference: Tensor) -> bool:
        return torch.equal(image, reference) and levels(image) > 2


class UndefinedWhenFlat(Undefined):
    def where(self, image: Tensor, reference: Tensor) -> Tensor | bool:
        return levels(image) == 1 and 0 < image.mean() < 1


class UndefinedOnWhite(Undefined):
    def where(self, image: Tensor, reference: Tensor) -> Tensor:
        return image.min() == 1


class UndefinedWhenSaturated(Undefined):
    def where(self, image: Tensor, reference: Tensor) -> Tensor | bool:
        return levels(image) == 2 and bool((image.min() == 0) & (image.max() == 1))


class UndefinedAtOnePixel(Undefined):
    def where(self, image: Tensor, reference: Tensor) -> Tensor:
        return (image != reference).any(dim=0).sum() == 1


class Lopsided(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return super().value(images, reference) / (1 + reference.var((1, 2, 3)))


class Dithered(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return super().value(images, reference) * (1 + 4e-6 * torch.rand(()))


class Scribbles(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        values = super().value(images, reference)
        images[0, 0, 0, 0] += 1e-6
        return values


class SinglePrecision(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        return super().value(images, reference).float()


class NeedsGradient(Good):
    def value(self, images: Tensor, reference: Tensor) -> Tensor:
        with torch.enable_grad():
            own = images.detach().clone().requires_grad_()
            torch.autograd.grad(own.sum(), own)
        return super().value(images, reference)


class HoldsALock(Good):
    def __init__(self) -> None:
        self.lock = threading.Lock()


def spec_of(cls: type, **facts: Any) -> AssessorSpec:
    defaults: dict[str, Any] = {"direction": "lower", "range": (0.0, 1.0), "symmetric": True, "min_size": MIN_SIZE}
    name = cls.__name__.lower()
    return AssessorSpec(name=name, summary="", target=f"{__name__}:{cls.__name__}", **{**defaults, **facts})


BROKEN = [
    (WithoutScore, {}, "builds", "no method score"),
    (Column, {}, "shape", r"1 images give shape \(1, 1\), not \(1,\)"),
    (UndefinedWhenBlurred, {"symmetric": False}, "finite", "blurred images: nan"),
    (TooLarge, {}, "range", r"outside of \[0, 1\]"),
    (Backwards, {}, "direction", "but lower is better"),
    (Contaminated, {}, "batch-independence", "image 0 alone and in its batch differ"),
    (StateWearsOut, {}, "prepare-once", "a state's second use and its first differ"),
    (StateForOne, {}, "prepare-once", "prepare a reference for each image"),
    (EvenOnly, {}, "sizes", "an even height is needed"),
    (NeedsOneMore, {}, "min-size", "needs at least 9×9 pixels, this image has 8×8"),
    (TakesAnySize, {}, "smaller-refused", "an image of 13×7: accepted"),
    (RefusesAsValueError, {}, "smaller-refused", "raises ValueError: too small, not ImageError"),
    (RefusesAtLength, {}, "smaller-refused", "its ImageError is not one line"),
    (CropsToCommonSize, {}, "wrong-shape-refused", "a reference one pixel wider: accepted"),
    (TakesGrey, {}, "wrong-shape-refused", "one channel: accepted"),
    (UndefinedAtIdentity, {}, "identical-images", "scores: nan, nan"),
    (UndefinedWhenFlat, {}, "flat-images", "scores: nan, nan"),
    (UndefinedOnWhite, {}, "black-and-white-images", "scores: nan, nan"),
    (UndefinedWhenSaturated, {}, "saturated-images", "scores: nan, nan"),
    (UndefinedAtOnePixel, {}, "one-differing-pixel", "scores: nan, nan"),
    (Lopsided, {}, "symmetric", "x, y and y, x differ"),
    (Dithered, {}, "deterministic", "at first, then"),
    (Scribbles, {}, "inputs-unchanged", "the images changed"),
    (SinglePrecision, {}, "float64", "float64 images give torch.float32"),
    (Returns, {}, "other-device", "values are on cpu, not on that of the images"),
    (NeedsGradient, {}, "no-gradient-needed", "RuntimeError"),
    (HoldsALock, {}, "copies", "TypeError"),
    (Good, {"known_failures": {"symmetry": "misspelt"}}, "known-failures", "symmetry: no such check"),
]


@pytest.mark.parametrize(("cls", "facts", "check", "reason"), BROKEN)
def test_just_this_check_fails(cls: type, facts: Any, check: str, reason: str, failures: Any) -> None:
    found = failures(spec_of(cls, **facts))
    assert set(found) == {check}
    assert found[check].startswith(f"assessor '{cls.__name__.lower()}' (percept-broken): {check}: ")
    assert re.search(reason, found[check]), found[check]


def test_a_good_one_conforms(all_failures: Any) -> None:
    assert all_failures(spec_of(Good)) == {}


def test_every_check_is_broken_by_some_component(component: Callable[..., Any]) -> None:
    listed = {c.name for c in checks_for(component(spec_of(Good, known_failures={"shape": ""})))}
    fixed = {name for name in listed if not name.startswith("any-")}  # the others are broken in test_drawn
    assert fixed == {check for *_, check, _ in BROKEN}


class Blind:
    """Looks at the image alone: its standard deviation."""

    def prepare(self, reference: Tensor) -> Tensor:
        return reference

    def score(self, images: Tensor, state: None) -> Tensor:
        assert state is None, "a reference-free assessor is scored with state None"
        check_images(images, "blind", MIN_SIZE)
        return images.std((1, 2, 3))


class AgainstASet(Blind):
    """Distance of the mean from that of a collection."""

    def prepare(self, reference: Tensor) -> Tensor:
        return reference.mean()

    def score(self, images: Tensor, state: Any) -> Tensor:
        assert state.ndim == 0
        check_images(images, "against a set", MIN_SIZE)
        return (images.mean((1, 2, 3)) - float(state)).abs()


@pytest.mark.parametrize(("cls", "reference"), [(Blind, "none"), (AgainstASet, "set")])
def test_without_a_reference_of_its_own(cls: type, reference: str, component: Any, all_failures: Any) -> None:
    spec = spec_of(cls, reference=reference, symmetric=False)
    assert all_failures(spec) == {}
    listed = {check.name for check in checks_for(component(spec))}
    assert not listed & {"direction", "prepare-once", "symmetric"}
    assert {name for name in listed if name.startswith("any-")} == {"any-pair", "any-range", "any-batch"}
