"""Random aligned patches of targets and their degraded versions: the training batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from percept.contracts import Dataset
from percept.errors import DataError
from percept.training.batch import Batch
from percept.training.degrade import Chain
from percept.training.ground_truths import GroundTruths, negatives, pick
from percept.training.group import Group
from percept.training.items import Item, Keep, as_float, in_memory, items_of, sizes_of

ORIGINALS = GroundTruths("originals")
ALONE = Group()


class PatchSampler:
    """Draws batches: an image uniformly, a place uniformly, one of the eight flips and turns if `augment`.

    Images are decoded once, and held as `keep` does. A deterministic degradation is applied once to whole images, as
    published training sets are made; a stochastic one afresh to each batch. Inputs are made of the original; `truths`
    says which ground truth they are trained towards, and `with_negatives` adds one that was rejected. In a `group`
    every process draws alike and cuts out its own share of the batch.

    Raises DataError, naming the image, if one is smaller than the patch.
    """

    def __init__(
        self,
        dataset: Dataset,
        degrade: Chain,
        patch: int,
        batch: int,
        augment: bool,
        seed: int,
        truths: GroundTruths = ORIGINALS,
        with_negatives: bool = False,
        group: Group = ALONE,
        keep: Keep = in_memory,
    ) -> None:
        if patch % degrade.scale:
            raise DataError(f"optimize.patch {patch} is no multiple of the degradation's scale {degrade.scale}")
        self.patch, self.batch, self.augment, self.degrade = patch, batch, augment, degrade
        self.truths, self.with_negatives, self.group = truths, with_negatives, group
        self.rng = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator().manual_seed(seed + 1)
        self.items = items_of(dataset, degrade, truths.rule != "originals" or with_negatives, keep)
        if not self.items:
            raise DataError("the training split has no images")
        self._require_room()
        self.scale = self._common_scale()
        self._odds = [self._odds_of(item) for item in self.items]

    def next(self) -> Batch:
        """(degraded (N, 3, patch/scale, patch/scale), target (N, 3, patch, patch), …), float32."""
        draws = torch.rand(self.batch, 6, generator=self.rng, dtype=torch.float64).tolist()
        if self.items[0].degraded is not None:
            # Only what this process needs is cut out: the numbers alone keep all processes together.
            return _stacked([self._crop(draw) for draw in draws[self.group.share(self.batch)]])
        whole = _stacked([self._crop(draw) for draw in draws])
        return _share(whole._replace(degraded=self.degrade(whole.degraded, self.noise)), self.group)

    def state_dict(self) -> dict[str, Any]:
        """Where the random number generators stand."""
        return {"rng": self.rng.get_state(), "noise": self.noise.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.rng.set_state(state["rng"])
        self.noise.set_state(state["noise"])

    def _require_room(self) -> None:
        for item in self.items:
            height, width = item.targets[0].shape[-2:]
            if min(height, width) < self.patch:
                raise DataError(
                    f"{item.name}: {width}×{height} pixels, smaller than optimize.patch {self.patch}; "
                    "lower it or leave the image out"
                )

    def _odds_of(self, item: Item) -> list[float]:
        # Whole images are read only where somebody is to judge them.
        images = item.targets if self.truths.quality is None else [as_float(image) for image in item.targets]
        return self.truths.odds(images, item.labels)

    def _common_scale(self) -> int:
        """How many times larger than its input a target is; a dataset of pairs must agree on it."""
        first = self.items[0].degraded
        if first is None:
            return self.degrade.scale
        scale = self.items[0].targets[0].shape[-1] // first.shape[-1]
        for item in self.items:
            target, degraded = item.targets[0], item.degraded
            if degraded is None or any(
                t != d * scale for t, d in zip(target.shape[-2:], degraded.shape[-2:], strict=True)
            ):
                sizes = sizes_of([degraded, target])
                raise DataError(f"{item.name}: input and target ({sizes}) do not fit the scale {scale}")
        if self.patch % scale:
            raise DataError(f"optimize.patch {self.patch} is no multiple of the data's scale {scale}")
        return scale

    def _crop(self, draw: Sequence[float]) -> Batch:
        number = int(draw[0] * len(self.items))
        item = self.items[number]
        scale = self.scale if item.degraded is not None else 1
        whole = item.targets[0] if item.degraded is None else item.degraded
        small = self.patch // scale
        top, left = (int(d * (size - small + 1)) for d, size in zip(draw[1:3], whole.shape[-2:], strict=True))
        turn = int(draw[3] * 8) if self.augment else 0

        def cut(image: Tensor) -> Tensor:
            return _patch(image, top * scale, left * scale, self.patch, turn)

        if self.truths.looks_at_patches:
            patches = torch.stack([cut(image) for image in item.targets])
            target = patches[self.truths.best(patches)]
        else:
            target = cut(item.targets[pick(self._odds[number], draw[4])])
        return Batch(
            _patch(whole, top, left, small, turn),
            target,
            *(self._negative(item, draw[5], cut) if self.with_negatives else ()),
        )

    def _negative(self, item: Item, draw: float, cut: Any) -> tuple[Tensor, Tensor]:
        places = negatives(item.labels)
        image = cut(item.targets[places[int(draw * len(places))] if places else 0])
        return image, image.new_full((1, 1, 1), float(bool(places)))


def _stacked(crops: Sequence[Batch]) -> Batch:
    columns = (None if column[0] is None else torch.stack(column) for column in zip(*crops, strict=True))
    return Batch(*columns)  # type: ignore[arg-type]  # a column has tensors or nothing


def _share(batch: Batch, group: Group) -> Batch:
    rows = group.share(len(batch.target))
    return Batch(*(None if column is None else column[rows] for column in batch))  # type: ignore[arg-type]  # as above


def _patch(image: Tensor, top: int, left: int, size: int, turn: int) -> Tensor:
    patch = image[:, top : top + size, left : left + size]
    if turn & 1:
        patch = patch.flip(-1)
    if turn & 2:
        patch = patch.flip(-2)
    if turn & 4:
        patch = patch.transpose(-1, -2)
    return as_float(patch)
