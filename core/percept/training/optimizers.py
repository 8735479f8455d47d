"""Optimisers and learning-rate schedules by the names that recipes use: torch's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    SequentialLR,
)

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "cosine-restarts", "multistep", "one-cycle")


def build_optimizer(parameters: Iterable[nn.Parameter], config: Mapping[str, Any]) -> torch.optim.Optimizer:
    """`config` is `optimize.optimizer` of a resolved recipe: use, lr, betas, weight-decay, momentum.

    All of a step's arithmetic is one fused call: the loop over parameters takes a tenth of a small network's step.
    """
    trained = [p for p in parameters if p.requires_grad]
    lr, decay = config["lr"], config["weight-decay"]
    if config["use"] == "sgd":
        return torch.optim.SGD(trained, lr=lr, momentum=config["momentum"], weight_decay=decay, fused=True)
    kind = torch.optim.AdamW if config["use"] == "adamw" else torch.optim.Adam
    return kind(trained, lr=lr, betas=tuple(config["betas"]), weight_decay=decay, fused=True)


def build_schedule(optimizer: torch.optim.Optimizer, config: Mapping[str, Any], steps: int) -> LRScheduler:
    """`config` is `optimize.schedule`: use, warm-up, milestones and gamma (multistep), floor and periods (cosine)."""
    warm_up = min(config["warm-up"], steps - 1)
    if not warm_up:
        return _schedule(optimizer, config, steps)
    if config["use"] == "multistep":  # whose milestones are steps of the training, not of what follows the warm-up
        config = {**config, "milestones": [max(1, step - warm_up) for step in config["milestones"]]}
    # From 1/warm-up of the rate, not from nothing: the first step counts as well.
    rising = LinearLR(optimizer, start_factor=1 / (warm_up + 1), total_iters=warm_up)
    return SequentialLR(optimizer, [rising, _schedule(optimizer, config, steps - warm_up)], [warm_up])


def _schedule(optimizer: torch.optim.Optimizer, config: Mapping[str, Any], steps: int) -> LRScheduler:
    match config["use"]:
        case "cosine":
            return CosineAnnealingLR(optimizer, T_max=steps, eta_min=config["floor"])
        case "cosine-restarts":
            # Rounded up: a period that begins in the last steps would end the training at the full rate.
            return CosineAnnealingWarmRestarts(
                optimizer, T_0=math.ceil(steps / config["periods"]), eta_min=config["floor"]
            )
        case "multistep":
            return MultiStepLR(optimizer, milestones=config["milestones"], gamma=config["gamma"])
        case "one-cycle":
            rates = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]  # before any warm-up
            # Momentum stays as the recipe gives it: cycling it as well is a separate choice.
            return OneCycleLR(optimizer, max_lr=rates, total_steps=steps + 1, cycle_momentum=False)
        case _:
            return LambdaLR(optimizer, lambda _: 1.0)
