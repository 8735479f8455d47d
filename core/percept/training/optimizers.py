"""Optimisers and learning-rate schedules by the names that recipes use: torch's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, MultiStepLR, OneCycleLR

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "multistep", "one-cycle")


def build_optimizer(parameters: Iterable[nn.Parameter], config: Mapping[str, Any]) -> torch.optim.Optimizer:
    """`config` is `optimize.optimizer` of a resolved recipe: use, lr, betas, weight-decay, momentum."""
    trained = [p for p in parameters if p.requires_grad]
    decay = config["weight-decay"]
    if config["use"] == "sgd":
        return torch.optim.SGD(trained, lr=config["lr"], momentum=config["momentum"], weight_decay=decay)
    kind = torch.optim.AdamW if config["use"] == "adamw" else torch.optim.Adam
    return kind(trained, lr=config["lr"], betas=tuple(config["betas"]), weight_decay=decay)


def build_schedule(optimizer: torch.optim.Optimizer, config: Mapping[str, Any], steps: int) -> LRScheduler:
    """`config` is `optimize.schedule`: use, milestones and gamma (multistep), floor (cosine: the last rate)."""
    match config["use"]:
        case "cosine":
            return CosineAnnealingLR(optimizer, T_max=steps, eta_min=config["floor"])
        case "multistep":
            return MultiStepLR(optimizer, milestones=config["milestones"], gamma=config["gamma"])
        case "one-cycle":
            rates = [group["lr"] for group in optimizer.param_groups]
            # Momentum stays as the recipe gives it: cycling it as well is a separate choice.
            return OneCycleLR(optimizer, max_lr=rates, total_steps=steps + 1, cycle_momentum=False)
        case _:
            return LambdaLR(optimizer, lambda _: 1.0)
