"""A network under training, with what moves it: gradients of several batches, clipping, optimiser, schedule."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

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
        self._norm = torch.zeros(())

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none=True)

    def scaled(self, value: Tensor) -> Tensor:
        """A loss as its backward pass needs it."""
        return value if self.scaler is None else self.scaler.scale(value)

    def gather(self, losses: Sequence[Tensor]) -> Tensor:
        """Make the gradients what they are of all processes, unscaled; → a scalar, finite if they and the losses are.

        A finite loss can have a gradient that is not.
        """
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        self.group.average(gradients)
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        self._norm = nn.utils.get_total_norm(gradients, error_if_nonfinite=False)
        return self._norm + sum(loss.detach() for loss in self._common(losses))

    def settle(self, move: bool) -> None:
        """Move the weights by what was gathered, or leave them; the scaler learns from it either way."""
        if move:
            self._move()
        if self.scaler is not None:
            self.scaler.update()

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

    def _move(self) -> None:
        if self.clip:
            nn.utils.clip_grads_with_norm_(self.parameters, self.clip, self._norm)
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


class Verdict(NamedTuple):
    """What came of a step: `fine`, everything was finite and moved; `excused`, a scaler may be why it was not."""

    fine: bool
    excused: bool


def move_together(sides: Sequence[tuple[Player, Sequence[Tensor]]]) -> Verdict:
    """Move every player by the gradients that it has, or none: where anything of one, of its losses too, is not finite.

    One that moved against another's spoilt batch would be a trace of a step that is skipped.
    """
    found = [player.gather(losses) for player, losses in sides]
    fine = bool(torch.stack(found).sum().isfinite())  # the one time in a step that a GPU is waited for
    for player, _ in sides:
        player.settle(fine)
    spoilt = [player for (player, _), value in zip(sides, found, strict=True) if not (fine or value.isfinite())]
    return Verdict(fine, excused=not fine and all(player.overflows for player in spoilt))
