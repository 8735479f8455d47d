"""Datasets and degradations: one that conforms, and for each check one that breaks just this."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from percept.contracts import DataError, Rating, Sample
from percept.errors import ImageError
from percept.specs import DatasetSpec, DegradationSpec
from percept.testing import checks_for, images, run_component
from torch import Tensor
from torch.nn import functional


class Two:
    """Two samples in each split."""

    def __init__(self, split: str = "train") -> None:
        self.split = split

    @property
    def ids(self) -> list[str]:
        return [f"{self.split}/{number}" for number in range(2)]

    def fingerprint(self) -> str:
        return hashlib.sha256(self.split.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        return self.sample(self.ids[index], images.natural(1, 16, 24, seed=index)[0])

    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target)


class NoTestSplit(Two):
    def __init__(self, split: str = "train") -> None:
        if split == "test":
            raise ValueError("there is no test split")
        super().__init__(split)


class Absent(Two):
    def __init__(self, split: str = "train") -> None:
        raise DataError("two: put two.zip into ~/data")


class NoLength:
    def __init__(self, split: str = "train") -> None:
        self.split = split


class Twins(Two):
    @property
    def ids(self) -> list[str]:
        return [self.split, self.split]


class MiscountsOne(Two):
    def __len__(self) -> int:
        return 3


class OtherName(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return super().sample(name.upper(), target)


class Bytes(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return super().sample(name, target * 255)


class Doubles(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return super().sample(name, target.double())


class ChannelsLast(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return super().sample(name, target.permute(1, 2, 0))


class CropsAtRandom(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return super().sample(name, target.roll(int(torch.randint(1, 9, ())), dims=-1))


class Shuffles(Two):
    made = 0

    def __init__(self, split: str = "train") -> None:
        super().__init__(split)
        Shuffles.made += 1
        self.order = range(2)[:: 1 if Shuffles.made % 2 else -1]

    @property
    def ids(self) -> list[str]:
        return [f"{self.split}/{number}" for number in self.order]


class WhereIAm(Two):
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.split} {Path.cwd()}".encode()).hexdigest()


class Spelt(Two):
    def fingerprint(self) -> str:
        return f"version one of {self.split}"


class SameForAll(Two):
    def fingerprint(self) -> str:
        return "0" * 64


class TestFirst(Two):
    __test__ = False

    def __init__(self, split: str = "test") -> None:
        super().__init__(split)


class Leaks(Two):
    @property
    def ids(self) -> list[str]:
        return ["0", "1"] if self.split == "train" else ["1", "2"]


class Paired(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target, degraded=target[:, ::2, ::2])


class Stretched(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target, degraded=target[:, ::2, ::4])


class Grouped(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target, targets=(target, target), labels=("positive", "negative"))


class Mislabelled(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target, targets=(target, target), labels=("positive",))


class OtherWords(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target, targets=(target,), labels=("sharp",))


class OneSmaller(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target, targets=(target, target[:, 1:]), labels=("positive", "similar"))


class EnhancesAtRandom(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        enhanced = target.roll(int(torch.randint(1, 9, ())), dims=-1)
        return Sample(id=name, target=target, targets=(enhanced,), labels=("positive",))


class Rated(Two):
    def sample(self, name: str, target: Tensor) -> Sample:
        return Sample(id=name, target=target, rating=Rating(mos=3.5))


def dataset(cls: type, **facts: Any) -> DatasetSpec:
    return DatasetSpec(name=cls.__name__.lower(), summary="", target=f"{__name__}:{cls.__name__}", **facts)


DATASETS = [
    (NoTestSplit, {}, "builds", "there is no test split"),
    (NoLength, {}, "builds", "NoLength has no ids"),
    (Twins, {}, "ids", "1 ids occur twice"),
    (Bytes, {}, "samples", r"train/0: target has values from .* outside of \[0, 1\]"),
    (OtherName, {}, "samples", "sample 0 is 'TRAIN/0', not 'train/0'"),
    (Doubles, {}, "samples", "target is torch.float64"),
    (ChannelsLast, {}, "samples", r"target is \(16, 24, 3\), not \(3, H, W\)"),
    (Two, {"content": "pairs"}, "samples", "content is pairs, but there is no degraded image"),
    (Stretched, {"content": "pairs"}, "samples", r"degraded \(3, 8, 6\) is no whole fraction"),
    (Two, {"content": "groups"}, "samples", "content is groups"),
    (Mislabelled, {"content": "groups"}, "samples", "2 further ground truths, 1 labels"),
    (OtherWords, {"content": "groups"}, "samples", r"label \['sharp'\] is none of positive, similar, negative"),
    (OneSmaller, {"content": "groups"}, "samples", "a further ground truth is of another size"),
    (EnhancesAtRandom, {"content": "groups"}, "deterministic", "train/0 differs when it is read again"),
    (Two, {"content": "rated"}, "samples", "content is rated"),
    (CropsAtRandom, {}, "deterministic", "train/0 differs when it is read again"),
    (WhereIAm, {}, "fingerprint", "depends on the current directory"),
    (Spelt, {}, "fingerprint", "is no hexadecimal hash"),
    (SameForAll, {}, "fingerprint", "two splits have the same"),
    (TestFirst, {}, "default-split", "it is not train, which its spec names first"),
    (Leaks, {}, "splits-disjoint", "1 in both train and test"),
    (Two, {"known_failures": {"beauty": "?"}}, "known-failures", "beauty: no such check"),
]


class Halve:
    """Averages scale×scale pixels."""

    def __init__(self, scale: int = 2) -> None:
        self.scale = scale

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        if any(side % self.scale for side in target.shape[-2:]):
            raise ImageError(f"halve: {tuple(target.shape)} is no multiple of {self.scale}; crop it")
        return self.degrade(target, rng)

    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        return functional.avg_pool2d(target, self.scale)


class NoScale(Halve):
    def __init__(self, scale: int = 2) -> None:
        super().__init__(scale)
        self.scale = 0


class KeepsSize(Halve):
    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        return target.clone()


class ToDouble(Halve):
    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        return super().degrade(target, rng).double()


class LogOfBlack(Halve):
    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        return super().degrade(target, rng).log()


class Global(Halve):
    """Stochastic, but from torch's own generator; also with a shade of the right one."""

    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        return super().degrade(target, rng) + torch.rand(())


class Noise(Halve):
    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        smaller = super().degrade(target, rng)
        return smaller + 0.1 * torch.randn(smaller.shape, generator=rng).to(smaller)


class NoiseStaysHere(Noise):
    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        smaller = functional.avg_pool2d(target, self.scale)
        return smaller + 0.1 * torch.randn(smaller.shape, generator=rng)


class StretchesContrast(Halve):
    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        return super().degrade(target, rng) - target.mean()


class Scribbles(Halve):
    def degrade(self, target: Tensor, rng: torch.Generator | None) -> Tensor:
        smaller = super().degrade(target, rng)
        target.add_(1e-3)
        return smaller


class Crops(Halve):
    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return self.degrade(target, rng)


def degradation(cls: type, **facts: Any) -> DegradationSpec:
    name, target = cls.__name__.lower(), f"{__name__}:{cls.__name__}"
    return DegradationSpec(name=name, summary="", target=target, **{"resizes": True, **facts})


DEGRADATIONS = [
    (NoScale, {}, "builds", "its `scale` is 0"),
    (Halve, {"resizes": False}, "builds", "its `scale` is 2, but its spec says resizes=False"),
    (KeepsSize, {}, "shape", r"\(2, 3, 32, 42\) gives \(2, 3, 32, 42\), not \(2, 3, 16, 21\)"),
    (ToDouble, {}, "shape", "torch.float32 gives torch.float64"),
    (LogOfBlack, {}, "finite", "black targets give values that are not finite"),
    (Global, {"stochastic": True}, "seeded", "the same seed again differs"),
    (Halve, {"stochastic": True}, "stochastic", "another seed gives the same image, its spec says stochastic=True"),
    (Noise, {}, "stochastic", "another seed gives another image"),
    (NoiseStaysHere, {"stochastic": True}, "other-device", "aten.add.Tensor is given tensors of two devices"),
    (StretchesContrast, {}, "batch-independence", "image 0 alone and in its batch differ"),
    (Scribbles, {}, "inputs-unchanged", "the targets changed"),
    (Crops, {}, "multiples-only", "a target of 16×17 at scale 2: accepted"),
    (Halve, {"known_failures": {"beauty": "?"}}, "known-failures", "beauty: no such check"),
]
CASES = [*((dataset, *case) for case in DATASETS), *((degradation, *case) for case in DEGRADATIONS)]


@pytest.mark.parametrize(("spec_of", "cls", "facts", "check", "reason"), CASES)
def test_just_this_check_fails(spec_of: Any, cls: type, facts: Any, check: str, reason: str, failures: Any) -> None:
    found = failures(spec_of(cls, **facts))
    assert set(found) == {check}
    assert re.search(reason, found[check]), found[check]


@pytest.mark.parametrize(
    "spec",
    [
        dataset(Two, splits=("train", "test", "all")),
        dataset(Paired, content="pairs"),
        dataset(Grouped, content="groups"),
        dataset(Rated, content="rated"),
        degradation(Halve),
        degradation(Noise, stochastic=True),
    ],
    ids=lambda spec: spec.name,
)
def test_good_ones_conform(spec: Any, failures: Any) -> None:
    assert failures(spec) == {}


def test_absent_files_skip_every_check(component: Any) -> None:
    results = run_component(component(dataset(Absent)))
    assert {(r.status, r.reason) for r in results} == {("skipped", "two: put two.zip into ~/data")}


@pytest.mark.parametrize(
    ("spec", "broken"),
    [
        (dataset(Two, known_failures={"ids": ""}), DATASETS),
        (degradation(Halve, known_failures={"shape": ""}), DEGRADATIONS),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_every_check_is_broken_by_some_component(spec: Any, broken: list[Any], component: Any) -> None:
    assert {c.name for c in checks_for(component(spec))} == {check for *_, check, _ in broken}
