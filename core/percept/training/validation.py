"""Validation on the way: the weights that a named assessor likes best are kept."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from percept.contracts import Dataset
from percept.errors import PerceptError
from percept.training.degrade import Chain
from percept.training.group import Group
from percept.training.lora import adapters_of, merged

Score = Callable[[Tensor, Tensor], float]


@dataclass
class Validation:
    """Every `every` steps, and at the last one, restores the images of `dataset` whole and scores them.

    restore    (network, degraded (1, 3, h, w)) → output clamped to [0, 1], without a gradient
    score      (output, target), both (1, 3, H, W) → the assessor's score
    higher     whether higher scores are better
    group      processes that look at an image each, in turn; `device` is where they exchange scores
    best       the weights of the best mean so far, and `best_mean`, from `best_step`
    adapters   their low-rank updates by themselves, where there are such
    """

    dataset: Dataset
    degrade: Chain
    restore: Callable[[nn.Module, Tensor], Tensor]
    score: Score
    label: str
    higher: bool
    every: int
    group: Group = field(default_factory=Group)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    best: dict[str, Tensor] = field(default_factory=dict)
    adapters: dict[str, Tensor] = field(default_factory=dict)
    best_mean: float = math.nan
    best_step: int = 0

    def due(self, step: int, last: int) -> bool:
        """Whether to validate after so many steps."""
        return step % self.every == 0 or step == last

    def look(self, network: nn.Module, step: int) -> float:
        """The mean score over all images; remembers the weights if it is the best. The first of equals stays.

        Leaves torch's random numbers as they were: how often one looks changes no training. Raises PerceptError where a
        score is not finite, naming the image.
        """
        devices = {p.device.index for p in network.parameters() if p.is_cuda}
        with in_evaluation(network), torch.random.fork_rng(devices=devices):
            mine = range(self.group.rank, len(self.dataset), self.group.size)
            own = {index: self._one(network, index) for index in mine}
        scores = self.group.everyones(own, len(self.dataset), self.device)
        mean = math.fsum(scores) / len(scores)
        if math.isnan(self.best_mean) or (mean > self.best_mean if self.higher else mean < self.best_mean):
            self.best = {name: value.detach().cpu().clone() for name, value in merged(network).items()}
            self.adapters = adapters_of(network)
            self.best_mean, self.best_step = mean, step
        return mean

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return {"best": self.best, "adapters": self.adapters, "mean": self.best_mean, "step": self.best_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.best, self.adapters = state["best"], state["adapters"]
        self.best_mean, self.best_step = state["mean"], state["step"]

    def _one(self, network: nn.Module, index: int) -> float:
        sample = self.dataset[index]
        degraded, target = self.degrade.pair(sample)
        value = self.score(self.restore(network, degraded), target)
        if not math.isfinite(value):
            raise PerceptError(f"optimize.validate: {self.label} of {sample.id} is {value}; choose another assessor")
        return value


@contextlib.contextmanager
def in_evaluation(network: nn.Module) -> Iterator[None]:
    """Within, the network is in evaluation; after, each of its layers is as it was, frozen ones frozen."""
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training
