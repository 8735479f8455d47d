"""The discriminator's side of adversarial training: its own step, and the term that it adds to the generator's loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from percept.training.guard import all_finite
from percept.training.objectives import OBJECTIVES, gradient_penalty


class Adversary:
    """A discriminator with its objective and optimiser.

    Real and fake images go through the discriminator in one concatenated forward pass, so that batch norm sees both
    (two passes before one backward would also break it under data parallelism).
    """

    def __init__(
        self, discriminator: nn.Module, objective: str, optimizer: torch.optim.Optimizer, rng: torch.Generator
    ) -> None:
        self.discriminator = discriminator
        self.objective = OBJECTIVES[objective]
        self.optimizer = optimizer
        self.rng = rng

    def update(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator on (N, 3, H, W) each; returns its losses. One that is not finite is skipped."""
        self.discriminator.requires_grad_(True)
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.discriminator(torch.cat([real, fake.detach()]))
        loss = self.objective.discriminator(*logits.chunk(2))
        losses = {"discriminator": loss.detach()}
        if self.objective.penalty:
            penalty = gradient_penalty(self.discriminator, real, fake.detach(), self.rng)
            losses["gradient-penalty"] = penalty.detach()
            loss = loss + self.objective.penalty * penalty
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
        if all_finite(loss, self.discriminator.parameters()):
            self.optimizer.step()
        return losses

    def generator_term(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator is to minimise for fake (N, 3, H, W); no gradient reaches the discriminator."""
        self.discriminator.requires_grad_(False)
        if not self.objective.needs_real:
            return self.objective.generator(fake, self.discriminator(fake))
        real_logits, fake_logits = self.discriminator(torch.cat([real, fake])).chunk(2)
        return self.objective.generator(real_logits.detach(), fake_logits)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continuing needs."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.set_state(state["rng"])
