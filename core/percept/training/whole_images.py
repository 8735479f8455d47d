"""The test images themselves as the one training batch: what a per-image generator is optimised on."""

from __future__ import annotations

from typing import Any

import torch

from percept.contracts import Dataset
from percept.errors import DataError
from percept.training.batch import Batch
from percept.training.degrade import Chain


class WholeImages:
    """Gives every image of the dataset, whole, at every step: inputs are those that `assess` will see, to the bit.

    Raises DataError, naming the first that differs, unless all have one size.
    """

    def __init__(self, dataset: Dataset, degrade: Chain) -> None:
        pairs = [degrade.pair(dataset[index]) for index in range(len(dataset))]
        for name, (_, target) in zip(dataset.ids, pairs, strict=True):
            if target.shape != pairs[0][1].shape:
                sizes = [f"{image.shape[-1]}×{image.shape[-2]}" for image in (target, pairs[0][1])]
                raise DataError(f"{name}: {sizes[0]} pixels, {dataset.ids[0]}: {sizes[1]}; give data.test a `crop`")
        self.inputs = torch.cat([degraded for degraded, _ in pairs])
        self._targets = torch.cat([target for _, target in pairs])
        self.scale = self._targets.shape[-1] // self.inputs.shape[-1]

    def next(self) -> Batch:
        """(inputs (N, 3, h, w), targets (N, 3, H, W)), float32."""
        return Batch(self.inputs, self._targets)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: every step is alike."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to continue from."""
