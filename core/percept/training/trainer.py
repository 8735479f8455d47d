"""One training step of a generator, with or without an adversary, and the whole state that continuing needs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from percept.training.adversary import Adversary
from percept.training.guard import Guard, all_finite
from percept.training.patches import PatchSampler
from percept.training.runtime import Runtime
from percept.training.terms import Term
from percept.training.whole_images import WholeImages


@dataclass
class Adversarial:
    """An adversary with its place in the objective: `weight`, from step `starts_at` on, when its schedule begins."""

    adversary: Adversary
    schedule: LRScheduler
    weight: float
    starts_at: int


class Trainer:
    """Minimises Σ weight · fidelity + weight · adversarial term over random patches, or over whole images.

    `step` counts the steps that were taken. Each step: generator forward, discriminator update (from its start on),
    generator update with the updated discriminator, schedules, moving average. Whatever is not finite is skipped.
    """

    def __init__(
        self,
        runtime: Runtime,
        generator: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: LRScheduler,
        sampler: PatchSampler | WholeImages,
        terms: Sequence[Term],
        adversarial: Adversarial | None = None,
        ema: AveragedModel | None = None,
    ) -> None:
        self.runtime, self.generator, self.optimizer, self.schedule = runtime, generator, optimizer, schedule
        self.sampler, self.terms, self.adversarial, self.ema = sampler, tuple(terms), adversarial, ema
        self.guard = Guard(generator, adversarial.adversary.discriminator if adversarial else None)
        self.parameters = [p for p in generator.parameters() if p.requires_grad]
        self.step = 0

    def advance(self) -> dict[str, Tensor]:
        """One step; returns each loss by its label, unweighted. Raises DivergedError at the tenth bad step."""
        degraded, target = (self.runtime.move(t) for t in self.sampler.next())
        self.guard.remember()
        with self.runtime.autocast():
            output = self.generator(degraded)
        output = output.float()
        losses: dict[str, Tensor] = {}
        if self._adversary_at_work():
            losses.update(self._update_discriminator(target, output))
        total = self._objective(output, target, losses)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
        self._finish(total, losses)
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers, schedules, averages, counters and every random number generator."""
        state: dict[str, Any] = {
            "step": self.step,
            "generator": self.generator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "sampler": self.sampler.state_dict(),
            "guard": [self.guard.in_a_row, self.guard.skipped],
            "torch": torch.get_rng_state(),
            "python": list(random.getstate()[1]),
        }
        if torch.cuda.is_available():
            state["cuda"] = torch.cuda.get_rng_state_all()
        if self.ema is not None:
            state["ema"] = self.ema.state_dict()
        if self.adversarial:
            state["adversary"] = self.adversarial.adversary.state_dict()
            state["adversary-schedule"] = self.adversarial.schedule.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken."""
        self.step = state["step"]
        self.generator.load_state_dict(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.sampler.load_state_dict(state["sampler"])
        self.guard.in_a_row, self.guard.skipped = state["guard"]
        torch.set_rng_state(state["torch"])
        random.setstate((3, tuple(state["python"]), None))
        if "cuda" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["cuda"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        if self.adversarial:
            self.adversarial.adversary.load_state_dict(state["adversary"])
            self.adversarial.schedule.load_state_dict(state["adversary-schedule"])

    def _adversary_at_work(self) -> bool:
        return self.adversarial is not None and self.step >= self.adversarial.starts_at

    def _update_discriminator(self, target: Tensor, output: Tensor) -> dict[str, Tensor]:
        assert self.adversarial is not None
        with self.runtime.autocast():
            return self.adversarial.adversary.update(target, output)

    def _objective(self, output: Tensor, target: Tensor, losses: dict[str, Tensor]) -> Tensor:
        total = output.new_zeros(())
        for term in self.terms:
            value = term(output, target)
            losses[term.label] = value.detach()
            total = total + term.weight * value
        if self._adversary_at_work():
            assert self.adversarial is not None
            with self.runtime.autocast():
                value = self.adversarial.adversary.generator_term(target, output)
            losses["adversarial"] = value.detach()
            total = total + self.adversarial.weight * value
        return total

    def _finish(self, total: Tensor, losses: dict[str, Tensor]) -> None:
        if all_finite(total, self.parameters):
            self.guard.passed()
            self.optimizer.step()
            if self.ema is not None:
                self.ema.update_parameters(self.generator)
        else:
            self.guard.skip(self.step + 1, losses)
        self.schedule.step()
        if self.adversarial and self._adversary_at_work():
            self.adversarial.schedule.step()
        self.step += 1
