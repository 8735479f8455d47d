"""The discriminator's side of adversarial training: its own loss, and what it has the generator do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from percept.training.objectives import Objective
from percept.training.penalties import Penalty
from percept.training.player import Player

Losses = dict[str, Tensor]


class Adversary:
    """A discriminator with its objective, its regularisers, and how often it learns.

    smoothing  real images are labelled 1 - smoothing
    steps      updates of the discriminator for one of the generator; all but the last are made on batches of their own
    every      only every so many steps of the generator does the discriminator learn

    The last update and the generator's look at the same batch, and at the discriminator as it was before both, so that
    what it makes of the generator's output is computed once (BasicSR's trainers order it so, and compute it twice).
    Real and restored images go through it apart, each with batch statistics of its own, as ESRGAN's do.
    """

    def __init__(
        self,
        player: Player,
        objective: Objective,
        rng: torch.Generator,
        penalties: Sequence[Penalty] = (),
        smoothing: float = 0.0,
        steps: int = 1,
        every: int = 1,
    ) -> None:
        self.player, self.objective, self.rng = player, objective, rng
        self.penalties, self.smoothing, self.steps, self.every = tuple(penalties), smoothing, steps, every
        self.updates = 0

    def meet(
        self, real: Tensor, output: Tensor, scaled: Callable[[Tensor], Tensor], learn: bool, share: float = 1.0
    ) -> tuple[Tensor, Losses, Tensor]:
        """Real and restored (N, 3, H, W) → gradient of the generator's term at `output`, losses, the term itself.

        The gradient is that of the term as the generator's backward passes have it: `scaled`. With `learn` the
        discriminator's own gradient, times `share`, is added to what it has; nothing moves yet.
        """
        network = self.player.network
        network.requires_grad_(learn)
        fake = output.detach().requires_grad_(True)
        # Losses are formed in float32: in bfloat16 the logarithm of a logistic has two digits.
        real_logits = network(real).float() if learn or self.objective.needs_real else None
        fake_logits = network(fake).float()
        value = self.objective.generator(_detached(real_logits, fake_logits), fake_logits, self._mean)
        (gradient,) = torch.autograd.grad(scaled(value), fake, retain_graph=learn)
        losses = {"adversarial": value.detach()}
        if learn and real_logits is not None:
            losses |= self._learn(real, fake.detach(), real_logits, fake_logits, share)
        return gradient, losses, value.detach()

    def practise(self, real: Tensor, fake: Tensor, share: float = 1.0) -> Losses:
        """Real and restored → losses. Their gradient, times `share`, is added to what there is; nothing moves yet."""
        network = self.player.network
        network.requires_grad_(True)
        return self._learn(real, fake, network(real).float(), network(fake).float(), share)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continuing needs."""
        return {
            "discriminator": self.player.network.state_dict(),
            "player": self.player.state_dict(),
            "rng": self.rng.get_state(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.player.network.load_state_dict(state["discriminator"])
        self.player.load_state_dict(state["player"])
        self.rng.set_state(state["rng"])
        self.updates = state["updates"]

    def _learn(self, real: Tensor, fake: Tensor, real_logits: Tensor, fake_logits: Tensor, share: float) -> Losses:
        loss = self.objective.discriminator(real_logits, fake_logits, self._mean)
        if self.smoothing and self.objective.smoothing:
            loss = loss + self.objective.smoothing(real_logits, self.smoothing)
        losses = {"discriminator": loss.detach(), "logit-gap": (real_logits.mean() - fake_logits.mean()).detach()}
        for penalty in self.penalties:
            if penalty.due(self.updates):
                value = penalty.of(self.player.network, real, fake, self._draw)
                losses[penalty.name] = value.detach()
                loss = loss + penalty.weight * penalty.every * value
        torch.autograd.backward(self.player.scaled(share * loss), inputs=self.player.parameters)
        return losses

    def _mean(self, logits: Tensor) -> Tensor:
        return self.player.group.mean(logits.mean())

    def _draw(self, count: int) -> Tensor:
        """Numbers from [0, 1), one for each image of this process: its share of those of the whole batch."""
        group = self.player.group
        drawn = torch.rand(count * group.size, generator=self.rng)
        return drawn[group.share(len(drawn))]


def _detached(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """The real logits for an objective that looks at them; any for one that does not."""
    return fake_logits.detach() if real_logits is None else real_logits.detach()
