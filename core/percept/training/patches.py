"""Random aligned patches of targets and their degraded versions: the training batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from percept.contracts import Dataset
from percept.errors import DataError
from percept.training.degrade import Chain


class PatchSampler:
    """Draws batches: an image uniformly, a place uniformly, one of the eight flips and turns if `augment`.

    Images are decoded once and held in memory, as bytes where they have 8-bit levels. A deterministic degradation is
    applied once to whole images, as published training sets are made; a stochastic one afresh to each batch.
    Raises DataError, naming the image, if one is smaller than the patch.
    """

    def __init__(self, dataset: Dataset, degrade: Chain, patch: int, batch: int, augment: bool, seed: int) -> None:
        if patch % degrade.scale:
            raise DataError(f"optimize.patch {patch} is no multiple of the degradation's scale {degrade.scale}")
        self.patch, self.batch, self.augment, self.degrade = patch, batch, augment, degrade
        self.rng = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator().manual_seed(seed + 1)
        self._targets: list[Tensor] = []
        self._degraded: list[Tensor] = []
        for index in range(len(dataset)):
            self._add(dataset, index)
        if not self._targets:
            raise DataError("the training split has no images")
        self.scale = self._common_scale(dataset.ids)

    def next(self) -> tuple[Tensor, Tensor]:
        """(degraded (N, 3, patch/scale, patch/scale), target (N, 3, patch, patch)), float32."""
        pairs = [self._crop() for _ in range(self.batch)]
        target = torch.stack([t for t, _ in pairs])
        if self._degraded:
            return torch.stack([d for _, d in pairs]), target
        return self.degrade(target, self.noise), target

    def state_dict(self) -> dict[str, Any]:
        """Where the random number generators stand."""
        return {"rng": self.rng.get_state(), "noise": self.noise.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.rng.set_state(state["rng"])
        self.noise.set_state(state["noise"])

    def _add(self, dataset: Dataset, index: int) -> None:
        sample = dataset[index]
        target = self.degrade.crop(sample.target)
        height, width = target.shape[-2:]
        if min(height, width) < self.patch:
            raise DataError(
                f"{sample.id}: {width}×{height} pixels, smaller than optimize.patch {self.patch}; "
                "lower it or leave the image out"
            )
        self._targets.append(_compact(target))
        if sample.degraded is not None and not self.degrade.links:
            self._degraded.append(_compact(sample.degraded))
        elif not self.degrade.stochastic:
            self._degraded.append(_compact(self.degrade(target[None])[0]))

    def _common_scale(self, ids: Sequence[str]) -> int:
        """How many times larger than its input a target is; a dataset of pairs must agree on it."""
        if not self._degraded:
            return self.degrade.scale
        scale = self._targets[0].shape[-1] // self._degraded[0].shape[-1]
        for name, target, degraded in zip(ids, self._targets, self._degraded, strict=True):
            if any(t != d * scale for t, d in zip(target.shape[-2:], degraded.shape[-2:], strict=True)):
                sizes = [f"{t.shape[-1]}×{t.shape[-2]}" for t in (degraded, target)]
                raise DataError(f"{name}: input {sizes[0]} and target {sizes[1]} do not fit the scale {scale}")
        if self.patch % scale:
            raise DataError(f"optimize.patch {self.patch} is no multiple of the data's scale {scale}")
        return scale

    def _crop(self) -> tuple[Tensor, Tensor]:
        draw = torch.rand(4, generator=self.rng, dtype=torch.float64).tolist()
        index = int(draw[0] * len(self._targets))
        target = self._targets[index]
        degraded = self._degraded[index] if self._degraded else target
        scale = self.scale if self._degraded else 1
        small = self.patch // scale
        top = int(draw[1] * (degraded.shape[-2] - small + 1))
        left = int(draw[2] * (degraded.shape[-1] - small + 1))
        turn = int(draw[3] * 8) if self.augment else 0
        return (
            _patch(target, top * scale, left * scale, self.patch, turn),
            _patch(degraded, top, left, small, turn),
        )


def _patch(image: Tensor, top: int, left: int, size: int, turn: int) -> Tensor:
    patch = image[:, top : top + size, left : left + size]
    if turn & 1:
        patch = patch.flip(-1)
    if turn & 2:
        patch = patch.flip(-2)
    if turn & 4:
        patch = patch.transpose(-1, -2)
    return patch.float() / 255 if patch.dtype == torch.uint8 else patch


def _compact(image: Tensor) -> Tensor:
    levels = (image * 255).round()
    if torch.equal(levels / 255, image):
        return levels.to(torch.uint8).contiguous()
    return image.contiguous()
