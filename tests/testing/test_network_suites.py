"""Generators and discriminators: one that conforms, and for each check one that breaks just this."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from percept.contracts import check_images
from percept.errors import ImageError
from percept.specs import DiscriminatorSpec, GeneratorSpec
from percept.testing import checks_for
from torch import Tensor, nn
from torch.nn import functional


class Enlarge(nn.Module):
    """A convolution and a pixel shuffle; inputs of 4 pixels or more."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.conv = nn.Conv2d(3, 3 * scale**2, 3, padding=1)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "enlarge", 4)
        return self.enlarge(degraded)

    def enlarge(self, degraded: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.conv(degraded), self.scale)


class FourFails(Enlarge):
    def __init__(self, scale: int = 2) -> None:
        if scale == 4:
            raise ValueError("no such scale")
        super().__init__(scale)


class Multiples(Enlarge):
    """Pads to even sizes, and forgets to crop."""

    def enlarge(self, degraded: Tensor) -> Tensor:
        height, width = (side % 2 for side in degraded.shape[-2:])
        return super().enlarge(functional.pad(degraded, (0, width, 0, height)))


class DividesByBlack(Enlarge):
    def enlarge(self, degraded: Tensor) -> Tensor:
        return super().enlarge(degraded) / (degraded.amax((1, 2, 3), keepdim=True) > 0)


class Contaminated(Enlarge):
    def enlarge(self, degraded: Tensor) -> Tensor:
        return super().enlarge(degraded - degraded.mean())


class Noisy(Enlarge):
    def enlarge(self, degraded: Tensor) -> Tensor:
        return super().enlarge(degraded) + torch.rand(()) * 1e-6


class Scribbles(Enlarge):
    def enlarge(self, degraded: Tensor) -> Tensor:
        degraded.add_(1e-9).mul_(1 - 1e-7)
        return super().enlarge(degraded)


class NeedsOneMore(Enlarge):
    def enlarge(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "one more", 5)
        return super().enlarge(degraded)


class TakesAnySize(Enlarge):
    def forward(self, degraded: Tensor) -> Tensor:
        return self.enlarge(degraded)


class Unused(Enlarge):
    def __init__(self, scale: int = 2) -> None:
        super().__init__(scale)
        self.unused = nn.Linear(2, 2)


class MeanStays(Enlarge):
    """Subtracts a mean that is no buffer, so that it stays where it was made."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__(scale)
        self.mean = torch.tensor([0.4, 0.4, 0.4]).view(3, 1, 1)

    def enlarge(self, degraded: Tensor) -> Tensor:
        return super().enlarge(degraded - self.mean)


class Forgetful(Enlarge):
    """A random number that is not part of its state."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__(scale)
        self.register_buffer("offset", torch.rand(1), persistent=False)

    def enlarge(self, degraded: Tensor) -> Tensor:
        return super().enlarge(degraded) + cast("Tensor", self.offset)


class Repeat(nn.Module):
    """Nothing to train."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "repeat", 4)
        return degraded.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)


class Frames(nn.Module):
    """Video at its own size."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(3, 1, 1))

    def forward(self, degraded: Tensor) -> Tensor:
        if degraded.ndim != 5 or min(degraded.shape[-2:]) < 4:
            raise ImageError(f"takes (N, T, 3, H, W) of at least 4×4, not {tuple(degraded.shape)}")
        return degraded * self.gain


class Elsewhere(nn.Module):
    """Two outputs, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = ["a", "b"]

    def fingerprint(self) -> str:
        return hashlib.sha256(b"two").hexdigest()

    def named(self, name: str) -> Tensor:
        if name not in self.ids:
            raise ImageError(f"there is no {name}")
        return self.output(name)

    def output(self, name: str) -> Tensor:
        return torch.full((1, 3, 4, 5), 0.5)

    def forward(self, degraded: Tensor) -> Tensor:
        raise ImageError("outputs have names")


class Unnamed(nn.Module):
    pass


class NoneElsewhere(Elsewhere):
    def __init__(self) -> None:
        super().__init__()
        self.ids = []

    def named(self, name: str) -> Tensor:
        return self.output(name) if name == "a" else super().named(name)


class Levels(Elsewhere):
    def output(self, name: str) -> Tensor:
        return super().output(name) * 255


class Flat(Elsewhere):
    def output(self, name: str) -> Tensor:
        return super().output(name)[0]


class Moody(Elsewhere):
    def output(self, name: str) -> Tensor:
        return torch.rand(1, 3, 4, 5)


class Invents(Elsewhere):
    def named(self, name: str) -> Tensor:
        return self.output(name)


class Sees(Elsewhere):
    def forward(self, degraded: Tensor) -> Tensor:
        return degraded


class Anonymous(Elsewhere):
    def fingerprint(self) -> str:
        return "version one"


class WhereIAm(Elsewhere):
    def fingerprint(self) -> str:
        return hashlib.sha256(str(Path.cwd()).encode()).hexdigest()


class Weighty(Elsewhere):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))


def generator(cls: type, **facts: Any) -> GeneratorSpec:
    defaults: dict[str, Any] = {"scales": (2, 4), "min_size": 4}
    name, target = cls.__name__.lower(), f"{__name__}:{cls.__name__}"
    return GeneratorSpec(name=name, summary="", target=target, **{**defaults, **facts})


BY_NAME = {"by_name": True, "trainable": False, "scales": ()}

GENERATORS = [
    (FourFails, {}, "builds", "no such scale"),
    (Multiples, {}, "shape", r"at scale 2, \(2, 3, 16, 21\) gives \(2, 3, 32, 44\), not \(2, 3, 32, 42\)"),
    (DividesByBlack, {}, "finite", "black inputs give values that are not finite"),
    (Contaminated, {}, "batch-independence", "input 0 alone and in its batch differ"),
    (Noisy, {}, "deterministic", "a second time differs"),
    (Scribbles, {}, "inputs-unchanged", "the inputs changed"),
    (NeedsOneMore, {}, "min-size", "needs at least 5×5"),
    (TakesAnySize, {}, "smaller-refused", "an input of 4×3: accepted"),
    (Unused, {}, "trains", "unused.weight gets no gradient"),
    (Repeat, {}, "trains", "there is no parameter to train"),
    (MeanStays, {}, "other-device", "aten.sub.Tensor is given tensors of two devices"),
    (Forgetful, {}, "saves-and-loads", "outputs differ"),
    (Enlarge, {"trainable": False}, "nothing-to-train", r"has parameters \(conv.weight, conv.bias\)"),
    (Enlarge, {"known_failures": {"sharpness": "?"}}, "known-failures", "sharpness: no such check"),
    (Unnamed, BY_NAME, "builds", "Unnamed has no ids"),
    (Levels, BY_NAME, "named", r"a: values from 127.5 to 127.5, outside of \[0, 1\]"),
    (Flat, BY_NAME, "named", r"a: \(3, 4, 5\), not \(1, 3, H, W\)"),
    (Moody, BY_NAME, "deterministic", "a second time differs"),
    (Invents, BY_NAME, "others-refused", "an unknown name: accepted"),
    (Sees, BY_NAME, "others-refused", "an image: accepted"),
    (Anonymous, BY_NAME, "fingerprint", "'version one' is no hexadecimal hash"),
    (WhereIAm, BY_NAME, "fingerprint", "depends on the current directory"),
    (Weighty, BY_NAME, "nothing-to-train", r"has parameters \(gain\)"),
]


class Judge(nn.Module):
    """One logit a patch of 8×8 pixels, from a backbone and a head."""

    backbone: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.LeakyReLU(0.2))
        self.head = nn.Conv2d(4, 1, 2)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, "judge", 8)
        return self.logits(images)

    def logits(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.head(self.backbone(images)))


class WithoutBackbone(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))


class Flattened(Judge):
    def logits(self, images: Tensor) -> Tensor:
        return super().logits(images).flatten(1)


class SquareOnly(Judge):
    def logits(self, images: Tensor) -> Tensor:
        if images.shape[-1] != images.shape[-2]:
            raise ImageError("square images only")
        return super().logits(images)


class LogOfBlack(Judge):
    def logits(self, images: Tensor) -> Tensor:
        return super().logits(images) + images.mean((1, 2, 3), keepdim=True).log()


class JudgeNeedsOneMore(Judge):
    def logits(self, images: Tensor) -> Tensor:
        check_images(images, "one more", 9)
        return super().logits(images)


class JudgesAnySize(Judge):
    def forward(self, images: Tensor) -> Tensor:
        return self.logits(functional.pad(images, (0, 8, 0, 8)))


class UnusedHead(Judge):
    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(2, 2)


class Deaf(Judge):
    def logits(self, images: Tensor) -> Tensor:
        return super().logits(images.detach())


class Once(Judge):
    """Hard sigmoids have a derivative, and torch has none of that."""

    def logits(self, images: Tensor) -> Tensor:
        return nn.functional.hardsigmoid(super().logits(images))


class FeatureList(nn.Module):
    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.features(images)]


class ListsFeatures(Judge):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = FeatureList(self.backbone)

    def logits(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.head(self.backbone(images)[0]))


class SomeoneElsesBackbone(Judge):
    """`backbone` is a network that the logits do not come from."""

    def __init__(self) -> None:
        super().__init__()
        self.own, foreign = self.backbone, nn.Conv2d(3, 4, 4)
        del self.backbone
        object.__setattr__(self, "backbone", foreign)

    def logits(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.head(self.own(images)))


class JudgesElsewhere(Judge):
    """Has another way of computing where it is not on the processor, and a wrong one."""

    def logits(self, images: Tensor) -> Tensor:
        return super().logits(images if images.device.type == "cpu" else images.flip(1))


class JudgeForgets(Judge):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offset", torch.rand(1), persistent=False)

    def logits(self, images: Tensor) -> Tensor:
        return super().logits(images) + cast("Tensor", self.offset)


def discriminator(cls: type, **facts: Any) -> DiscriminatorSpec:
    defaults: dict[str, Any] = {"output": "patch", "min_size": 8}
    name, target = cls.__name__.lower(), f"{__name__}:{cls.__name__}"
    return DiscriminatorSpec(name=name, summary="", target=target, **{**defaults, **facts})


DISCRIMINATORS = [
    (WithoutBackbone, {}, "builds", "its `backbone` is NoneType"),
    (Judge, {"output": "image"}, {"shape", "sizes"}, "1×1 is for `image`, and only for it"),
    (Judge, {"output": "pixel"}, {"shape", "sizes"}, r"not \(2, 1, "),
    (Flattened, {}, {"shape", "sizes"}, r"gives logits of shape .*: not \(2, 1, h, w\)"),
    (SquareOnly, {}, "sizes", "square images only"),
    (LogOfBlack, {}, "finite", "black images give logits that are not finite"),
    (JudgeNeedsOneMore, {}, "min-size", "needs at least 9×9"),
    (JudgesAnySize, {}, "smaller-refused", "an image of 8×7: accepted"),
    (UnusedHead, {}, "trains", "unused.weight gets no gradient"),
    (Deaf, {}, "gradient-reaches-images", "no gradient reaches the images"),
    (Once, {}, "second-derivative", "derivative for aten::hardsigmoid_backward is not implemented"),
    (ListsFeatures, {}, "backbone", "it gives list, not a tensor"),
    (SomeoneElsesBackbone, {}, "backbone", "2 of its parameters are not the discriminator's"),
    (JudgesElsewhere, {}, "other-device", "there and here differ by"),
    (JudgeForgets, {}, "saves-and-loads", "outputs differ"),
    (Judge, {"known_failures": {"taste": "?"}}, "known-failures", "taste: no such check"),
]
CASES = [*((generator, *case) for case in GENERATORS), *((discriminator, *case) for case in DISCRIMINATORS)]


@pytest.mark.parametrize(("spec_of", "cls", "facts", "checks", "reason"), CASES)
def test_just_this_check_fails(
    spec_of: Any, cls: type, facts: Any, checks: set[str] | str, reason: str, failures: Any
) -> None:
    found = failures(spec_of(cls, **facts))
    assert set(found) == ({checks} if isinstance(checks, str) else checks)
    for why in found.values():
        assert re.search(reason, why), why


@pytest.mark.parametrize(
    "spec",
    [
        generator(Enlarge),
        generator(Repeat, trainable=False),
        generator(Frames, scales=(1,), temporal=True),
        generator(Elsewhere, **BY_NAME),
        discriminator(Judge),
    ],
    ids=lambda spec: spec.name,
)
def test_good_ones_conform(spec: Any, failures: Any) -> None:
    assert failures(spec) == {}


def test_a_given_scale_is_the_only_one_looked_at(failures: Any) -> None:
    assert failures(generator(FourFails), scale=2) == {}


@pytest.mark.parametrize(
    ("specs", "broken"),
    [
        (
            [
                generator(Enlarge, known_failures={"shape": ""}),
                generator(Repeat, trainable=False),
                generator(Elsewhere, **BY_NAME),
            ],
            GENERATORS,
        ),
        ([discriminator(Judge, known_failures={"shape": ""})], DISCRIMINATORS),
    ],
    ids=["generator", "discriminator"],
)
def test_every_check_is_broken_by_some_component(specs: list[Any], broken: list[Any], component: Any) -> None:
    listed = {check.name for spec in specs for check in checks_for(component(spec))}
    named = [{checks} if isinstance(checks, str) else checks for *_, checks, _ in broken]
    assert listed == set().union(*named)


def test_one_by_name_cannot_be_trained() -> None:
    with pytest.raises(ValueError, match="a generator by name is not trainable, temporal or per image"):
        generator(Elsewhere, by_name=True)
