"""Checks on datasets: fixed, ordered samples of which two readings are equal."""

from __future__ import annotations

import contextlib
import itertools
import re
import tempfile
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from percept.contracts import LABELS, Rating, Sample
from percept.specs import DatasetSpec
from percept.testing.check import Suite, check, require

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKED_AT = 3  # samples of each split: decoding photographs takes time
UNION = "all"
HASH = re.compile("[0-9a-f]{16,}")


class DatasetSuite(Suite[DatasetSpec]):
    """Each check looks at every split, or at the one that the parameters name. Absent files: all are skipped."""

    @property
    def may_lack_files(self) -> bool:
        return True

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits to look at; none if it has no such parameter."""
        return () if "split" in self.parameters else self.spec.splits

    def datasets(self) -> Iterator[tuple[str, Any]]:
        """(what messages call it, the dataset) for each split."""
        if not self.splits:
            yield "", self.subject
        for split in self.splits:
            yield f"split {split}: ", self.rebuilt(split=split)

    def verify_interface(self, built: Any) -> None:
        for name in ("ids", "fingerprint", "__len__", "__getitem__"):
            require(hasattr(built, name), f"{type(built).__name__} has no {name}")

    @check()
    def builds(self) -> None:
        """It can be built for each split of its spec, and has the methods of a dataset."""
        for parameters in [{"split": split} for split in self.splits] or [{}]:
            self.verify_interface(self.build(0, **parameters))

    @check()
    def ids(self) -> None:
        """`ids` are strings, all different, as many as `len` says, at least one."""
        for where, dataset in self.datasets():
            ids = list(dataset.ids)
            require(len(ids) == len(dataset) > 0, f"{where}{len(ids)} ids, len says {len(dataset)}")
            odd = [i for i in ids if not isinstance(i, str) or not i]
            require(not odd, f"{where}id {odd[:1]} is not a string with something in it")
            require(len(set(ids)) == len(ids), f"{where}{len(ids) - len(set(ids))} ids occur twice")

    @check()
    def samples(self) -> None:
        """A sample has its id, and images (3, H, W), float32, in [0, 1], as its spec's `content` asks."""
        for where, dataset in self.datasets():
            for index in range(min(LOOKED_AT, len(dataset))):
                sample = dataset[index]
                require(isinstance(sample, Sample), f"{where}sample {index} is a {type(sample).__name__}, not a Sample")
                wanted = dataset.ids[index]
                require(sample.id == wanted, f"{where}sample {index} is {sample.id!r}, not {wanted!r}")
                self._verify(sample, f"{where}{sample.id}: ")

    @check()
    def deterministic(self) -> None:
        """Reading a sample twice, and building the dataset twice, gives the same ids and the same bits."""
        for (where, dataset), (_, again) in zip(self.datasets(), self._rebuilt(), strict=True):
            require(list(dataset.ids) == list(again.ids), f"{where}ids differ when it is built again")
            for index in range(min(LOOKED_AT, len(dataset))):
                first, *others = (_images(source[index]) for source in (dataset, dataset, again))
                same = all(len(o) == len(first) and all(map(torch.equal, first, o)) for o in others)
                require(same, f"{where}{dataset.ids[index]} differs when it is read again")

    @check()
    def fingerprint(self) -> None:
        """`fingerprint()` is hexadecimal, the same every time and in any current directory; each split has its own."""
        marks: dict[str, str] = {}
        with elsewhere():
            moved = {where: dataset.fingerprint() for where, dataset in self._rebuilt()}
        for where, dataset in self.datasets():
            marks[where] = dataset.fingerprint()
            require(bool(HASH.fullmatch(marks[where])), f"{where}{marks[where]!r} is no hexadecimal hash")
            require(dataset.fingerprint() == marks[where], f"{where}asked twice, it differs")
            require(moved[where] == marks[where], f"{where}depends on the current directory, or on who built it")
        require(len(set(marks.values())) == len(marks), "two splits have the same")

    @check(lambda suite: bool(suite.splits))
    def default_split(self) -> None:
        """Without the parameter `split` it is the first split of its spec."""
        first = list(self.rebuilt(split=self.splits[0]).ids)
        require(list(self.subject.ids) == first, f"it is not {self.splits[0]}, which its spec names first")

    @check(lambda suite: len(suite.splits) > 1)
    def splits_disjoint(self) -> None:
        """No id is in two splits; one named `all` may hold the others."""
        ids = {split: set(self.rebuilt(split=split).ids) for split in self.splits if split != UNION}
        for (one, first), (other, second) in itertools.combinations(ids.items(), 2):
            shared = sorted(first & second)
            require(not shared, f"{', '.join(shared[:3])} in both {one} and {other}")

    def _rebuilt(self) -> Iterator[tuple[str, Any]]:
        for split in self.splits or ("",):
            yield (f"split {split}: ", self.rebuilt(split=split)) if split else ("", self.rebuilt())

    def _verify(self, sample: Sample, where: str) -> None:
        _require_image(sample.target, f"{where}target")
        if sample.degraded is not None:
            _require_image(sample.degraded, f"{where}degraded")
            large, small = tuple(sample.target.shape), tuple(sample.degraded.shape)
            scale = large[1] // small[1]
            fits = large[1:] == (small[1] * scale, small[2] * scale)
            require(fits, f"{where}degraded {small} is no whole fraction of the target's {large}")
        for image in sample.targets:
            _require_image(image, f"{where}targets")
            require(image.shape == sample.target.shape, f"{where}a further ground truth is of another size")
        self._verify_content(sample, where)

    def _verify_content(self, sample: Sample, where: str) -> None:
        match self.spec.content:
            case "pairs":
                require(sample.degraded is not None, f"{where}content is pairs, but there is no degraded image")
            case "groups":
                require(bool(sample.targets), f"{where}content is groups, but there are no further ground truths")
                counts = f"{len(sample.targets)} further ground truths, {len(sample.labels)} labels"
                require(len(sample.labels) == len(sample.targets), f"{where}{counts}")
                unknown = [label for label in sample.labels if label not in LABELS]
                require(not unknown, f"{where}label {unknown[:1]} is none of {', '.join(LABELS)}")
            case "rated":
                rated = isinstance(sample.rating, Rating) and sample.rating.mos == sample.rating.mos
                require(rated, f"{where}content is rated, but there is no mean opinion score")


def _images(sample: Sample) -> list[Tensor]:
    own = [] if sample.degraded is None else [sample.degraded]
    return [sample.target, *own, *sample.targets]


def _require_image(image: Any, what: str) -> None:
    require(isinstance(image, Tensor), f"{what} is a {type(image).__name__}, not a tensor")
    require(image.dtype == torch.float32, f"{what} is {image.dtype}, not float32")
    require(image.ndim == 3 and image.shape[0] == 3, f"{what} is {tuple(image.shape)}, not (3, H, W)")
    low, high = image.min().item(), image.max().item()
    require(low >= 0 and high <= 1, f"{what} has values from {low:.4g} to {high:.4g}, outside of [0, 1]")


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """In another current directory, a new one."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield
