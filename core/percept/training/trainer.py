"""One training step of a generator, with or without an adversary, and the whole state that continuing needs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from percept.training.adversary import Adversary
from percept.training.batch import Batch
from percept.training.guard import DivergedError, Guard
from percept.training.player import Player, Verdict, move_together
from percept.training.ramps import Ramp
from percept.training.runtime import Runtime
from percept.training.sampler import Sampler
from percept.training.terms import Term

Losses = dict[str, Tensor]


@dataclass
class Adversarial:
    """An adversary with its place in the objective: `weight`, from step `starts_at` on, when its schedule begins."""

    adversary: Adversary
    weight: Ramp
    starts_at: int


class Trainer:
    """Minimises Σ weight · term + weight · adversarial term over batches of patches, or over whole images.

    `step` counts the steps that were taken. Each step: practice of the discriminator, if it has several updates; then
    `accumulate` batches go through generator and discriminator, and both are updated at once from what these gave;
    schedules; moving average. A step of which anything is not finite, on either side, moves neither.
    """

    def __init__(
        self,
        runtime: Runtime,
        player: Player,
        sampler: Sampler,
        terms: Sequence[Term],
        adversarial: Adversarial | None = None,
        ema: AveragedModel | None = None,
        accumulate: int = 1,
    ) -> None:
        self.runtime, self.player, self.sampler, self.terms = runtime, player, sampler, tuple(terms)
        self.adversarial, self.ema, self.accumulate = adversarial, ema, accumulate
        self.guard = Guard(player.network, adversarial.adversary.player.network if adversarial else None)
        self.step = 0

    @property
    def generator(self) -> nn.Module:
        """The network that is trained."""
        return self.player.network

    @property
    def averaged(self) -> nn.Module:
        """The moving average of it, or itself where there is none: what is assessed."""
        return self.generator if self.ema is None else self.ema.module

    def advance(self) -> Losses:
        """One step; returns each loss by its label, unweighted. Raises DivergedError at the tenth bad step in a row."""
        self.guard.remember()
        adversarial = self.adversarial if self._adversary_at_work() else None
        losses: Losses = {}
        verdict = Verdict(fine=True, excused=False)
        if adversarial and self._learns(adversarial.adversary):
            verdict = self._practise(adversarial.adversary, losses)
        if verdict.fine:
            verdict = self._meet(adversarial, losses)
        self.runtime.group.average(list(losses.values()))
        self._finish(verdict, losses)
        return losses

    def require_learnt(self) -> None:
        """Raises DivergedError if most steps were not finite, or the weights are not."""
        self.guard.require_learnt(self.step)
        for network in (self.generator, self.averaged):
            if not all(bool(p.isfinite().all()) for p in network.parameters()):
                raise DivergedError("the weights are not finite after the last step; lower optimize.optimizer.lr")

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers, schedules, scalers, averages, counters and every random number generator."""
        state: dict[str, Any] = {
            "step": self.step,
            "generator": self.generator.state_dict(),
            "player": self.player.state_dict(),
            "sampler": self.sampler.state_dict(),
            "guard": [self.guard.in_a_row, self.guard.skipped],
            "torch": torch.get_rng_state(),
            "python": list(random.getstate()[1]),
        }
        if self.runtime.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.runtime.device)
        if self.ema is not None:
            state["ema"] = self.ema.state_dict()
        if self.adversarial:
            state["adversary"] = self.adversarial.adversary.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken."""
        self.step = state["step"]
        self.generator.load_state_dict(state["generator"])
        self.player.load_state_dict(state["player"])
        self.sampler.load_state_dict(state["sampler"])
        self.guard.in_a_row, self.guard.skipped = state["guard"]
        self._restore_random(state)
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        if self.adversarial:
            self.adversarial.adversary.load_state_dict(state["adversary"])

    def _restore_random(self, state: dict[str, Any]) -> None:
        group = self.runtime.group
        if not group.leads:  # whose numbers they were: the others draw numbers of their own
            torch.manual_seed(state["step"] * group.size + group.rank)
            return
        torch.set_rng_state(state["torch"])
        random.setstate((3, tuple(state["python"]), None))
        if "cuda" in state and self.runtime.device.type == "cuda":
            saved = state["cuda"]  # a list of all GPUs' in checkpoints of before
            own = saved[self.runtime.device.index or 0] if isinstance(saved, list) else saved
            torch.cuda.set_rng_state(own, self.runtime.device)

    def _adversary_at_work(self) -> bool:
        return self.adversarial is not None and self.step >= self.adversarial.starts_at

    def _learns(self, adversary: Adversary) -> bool:
        return self.step % adversary.every == 0

    def _next(self) -> Batch:
        moved = (None if images is None else self.runtime.move(images) for images in self.sampler.next())
        return Batch(*moved)  # type: ignore[arg-type]  # a batch has images or nothing

    def _practise(self, adversary: Adversary, losses: Losses) -> Verdict:
        """The discriminator's updates before the one that it shares with the generator, until one is not finite."""
        for _ in range(adversary.steps - 1):
            adversary.player.zero_grad()
            found: Losses = {}
            for _ in range(self.accumulate):
                self._exercise(adversary, found)
            losses |= found
            adversary.updates += 1
            verdict = move_together([(adversary.player, [found["discriminator"]])])
            if not verdict.fine:
                return verdict
        return Verdict(fine=True, excused=False)

    def _exercise(self, adversary: Adversary, losses: Losses) -> None:
        batch, share = self._next(), 1 / self.accumulate
        with self.runtime.autocast():
            with torch.no_grad():
                output = self.generator(batch.degraded).float()
            found = adversary.practise(batch.target, output, share)
        for name, loss in found.items():
            _note(losses, name, loss * share)

    def _meet(self, adversarial: Adversarial | None, losses: Losses) -> Verdict:
        """The generator's update and, if it is its turn, the discriminator's, from one look at the same batches."""
        found: Losses = {}
        self.player.zero_grad()
        if adversarial:
            adversarial.adversary.player.zero_grad()
        totals: Sequence[Tensor] = [self._batch(adversarial, found) for _ in range(self.accumulate)]
        losses |= found
        sides = [(self.player, totals)]
        if adversarial and self._learns(adversarial.adversary):
            adversarial.adversary.updates += 1
            sides.append((adversarial.adversary.player, [found["discriminator"]]))
        return move_together(sides)

    def _batch(self, adversarial: Adversarial | None, losses: Losses) -> Tensor:
        """Add one batch's gradients to what there is; returns the whole objective's value."""
        batch, share = self._next(), 1 / self.accumulate
        output: Tensor
        with self.runtime.autocast():
            output = self.generator(batch.degraded)
        output = output.float()
        total: Tensor = output.new_zeros(())
        for term in self.terms:
            value = term(output, batch)
            _note(losses, term.label, value.detach() * share)
            total = total + term.weight.at(self.step) * value
        roots, gradients = _roots(total, self.player.scaled(total * share))
        if adversarial:
            pull, value = self._pull(adversarial, batch.target, output, losses)
            roots, gradients = [*roots, output], [*gradients, pull * share]
            total = total.detach() + value
        torch.autograd.backward(roots, gradients)
        return total.detach()

    def _pull(self, adversarial: Adversarial, real: Tensor, output: Tensor, losses: Losses) -> tuple[Tensor, Tensor]:
        """The adversarial term's gradient at the output, scaled as the generator's passes are, and its value."""
        adversary, weight, share = adversarial.adversary, adversarial.weight.at(self.step), 1 / self.accumulate
        with self.runtime.autocast():
            gradient, found, value = adversary.meet(real, output, self.player.scaled, self._learns(adversary), share)
        for name, loss in found.items():
            _note(losses, name, loss * share)
        return weight * gradient, weight * value

    def _finish(self, verdict: Verdict, losses: Losses) -> None:
        if verdict.fine:
            self.guard.passed()
            if self.ema is not None:
                self.ema.update_parameters(self.generator)
        else:
            self.guard.skip(self.step + 1, losses, counts=not verdict.excused)
        self.player.turn()
        if self.adversarial and self._adversary_at_work():
            self.adversarial.adversary.player.turn()
        self.step += 1


def _note(losses: Losses, label: str, value: Tensor) -> None:
    losses[label] = losses[label] + value if label in losses else value


def _roots(total: Tensor, scaled: Tensor) -> tuple[list[Tensor], list[Tensor | None]]:
    """Where a backward pass begins: nowhere, if nothing of the objective depends on the output."""
    return ([scaled], [None]) if total.requires_grad else ([], [])
