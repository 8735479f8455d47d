"""A network under training, with what moves it: gradients of several batches, clipping, optimiser, schedule."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from percept.training.group import Group

ALONE = Group()


class Player:
    """One side of a training: `network`, its optimiser and its learning-rate schedule.

    clip    largest norm of the whole gradient, 0 for none
    scaler  multiplies losses so that float16 gradients do not vanish; None where there is no float16
    group   the processes that train together
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: LRScheduler,
        clip: float = 0.0,
        scaler: torch.amp.GradScaler | None = None,
        group: Group = ALONE,
    ) -> None:
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.clip, self.scaler, self.group = clip, scaler, group
        self.parameters = [p for p in network.parameters() if p.requires_grad]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none=True)

    def scaled(self, value: Tensor) -> Tensor:
        """A loss as its backward pass needs it."""
        return value if self.scaler is None else self.scaler.scale(value)

    def step(self, losses: Sequence[Tensor]) -> bool:
        """Move the weights, unless a loss or a gradient is not finite; says whether they moved.

        A finite loss can have a gradient that is not.
        """
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        self.group.average(gradients)
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        norm = nn.utils.get_total_norm(gradients, error_if_nonfinite=False)
        finite = bool(torch.isfinite(norm + sum(loss.detach() for loss in self._common(losses))))
        if finite:
            self._move(norm)
        if self.scaler is not None:
            self.scaler.update()
        return finite

    def turn(self) -> None:
        """The schedule's next step, also where the optimiser's was skipped, of which torch would warn."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            self.schedule.step()

    @property
    def overflows(self) -> bool:
        """Whether infinite gradients may be the scaler's doing, who then tries a smaller factor."""
        return self.scaler is not None and self.scaler.get_scale() > 1

    def state_dict(self) -> dict[str, Any]:
        """Optimiser, schedule and scaler; the network's weights are kept by whoever owns it."""
        state = {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        if self.scaler is not None:
            state["scaler"] = self.scaler.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])

    def _move(self, norm: Tensor) -> None:
        if self.clip:
            nn.utils.clip_grads_with_norm_(self.parameters, self.clip, norm)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)

    def _common(self, losses: Sequence[Tensor]) -> Sequence[Tensor]:
        """The losses, averaged where there are several processes: all of them must come to one decision."""
        if self.group.size > 1:
            losses = [loss.detach().clone() for loss in losses]
            self.group.average(losses)
        return losses
