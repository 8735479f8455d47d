"""The stage `optimize`: train a generator under fidelity losses and, if asked, against a discriminator."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from percept.errors import PerceptError
from percept.stages.job import StoppedError
from percept.stages.optimize_schema import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from percept.stages.curves import Curves
    from percept.stages.job import Job
    from percept.training.trainer import Trainer
    from percept.training.validation import Validation

__all__ = ["SCHEMA", "run", "train"]

SAVE_SECONDS = 10.0
SAVE_SHARE = 0.05  # of the time, at most


def run(job: Job) -> None:
    """Train to the last step, resuming from the checkpoint if there is one, and leave the run's record.

    Raises DivergedError if training does not stay finite, after which the next try begins afresh; DataError or
    InputError if the recipe's data do not serve.
    """
    from percept.stages.assemble import build_trainer, build_validation
    from percept.stages.curves import Curves
    from percept.stages.processes import together
    from percept.stages.record import record_run
    from percept.training.guard import DivergedError

    with together(job) as job:
        trainer, validation = build_trainer(job), build_validation(job)
        curves = Curves(job.config["optimize"]["log-every"])
        try:
            seconds = train(job, trainer, curves, validation)
            trainer.require_learnt()
        except DivergedError:
            if job.runtime.group.leads:
                state_of(job).unlink(missing_ok=True)
            raise
        if job.runtime.group.leads:
            weights = store_weights(job, trainer, validation)
            _tell(job, trainer)
            skipped = trainer.guard.skipped
            record_run(job, "ok", seconds=seconds, arrays=curves.arrays(), weights=weights, skipped=skipped)
            state_of(job).unlink(missing_ok=True)


def state_of(job: Job) -> Path:
    """The checkpoint of a run."""
    return job.scratch / "state.pt"


def train(job: Job, trainer: Trainer, curves: Curves, validation: Validation | None = None) -> float:
    """Advance to the last step, saving checkpoints on the way; returns the seconds spent, earlier sittings included."""
    import torch

    from percept.training.checkpoint import load_state, save_state

    parts: dict[str, Any] = {"trainer": trainer, "curves": curves}
    if validation:
        parts["validation"] = validation
    path = state_of(job)
    earlier = 0.0
    state = load_state(path)
    if state is None and path.exists():
        job.emit({"event": "note", "text": f"{path}: a damaged checkpoint; begins afresh"})
    if state is not None:
        try:
            # The sums of a convolution depend on how it is split: go on with as many threads as before.
            torch.set_num_threads(state["threads"])
            for name, part in parts.items():
                part.load_state_dict(state[name])
            earlier = state["seconds"]
        except torch.OutOfMemoryError:  # a RuntimeError as well, and no fault of the checkpoint
            raise
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise PerceptError(f"{path}: not this version's checkpoint; delete it to begin afresh ({error})") from error
        job.emit({"event": "resumed", "step": trainer.step})
    started = time.monotonic()

    def save() -> None:
        seconds = earlier + time.monotonic() - started
        state = {name: part.state_dict() for name, part in parts.items()}
        save_state(path, {**state, "seconds": seconds, "threads": torch.get_num_threads()})

    _loop(job, trainer, curves, validation, save)
    return earlier + time.monotonic() - started


def store_weights(job: Job, trainer: Trainer, validation: Validation | None) -> dict[str, str]:
    """Keep the final weights as artefacts: part → name. What gets assessed is `best`, else `ema`, else `generator`.

    An adapted generator is kept with its low-rank updates merged, as any other, and these by themselves: `lora`.
    """
    from percept.training.checkpoint import plain_weights, tensors_to_bytes
    from percept.training.lora import adapters_of, merged

    adapters = validation.adapters if validation else adapters_of(trainer.averaged)
    parts = {"generator": merged(trainer.generator), "lora": adapters}
    if trainer.ema is not None:
        parts["ema"] = merged(trainer.ema.module)
    if validation:
        parts["best"] = validation.best
    if trainer.adversarial and trainer.adversarial.adversary.updates:
        discriminator = trainer.adversarial.adversary.player.network.eval()
        # Spectral norm is the discriminator's affair: who starts from the backbone wants the weights as they acted.
        parts |= {"discriminator": discriminator.state_dict(), "backbone": plain_weights(discriminator.backbone)}  # type: ignore[arg-type]  # a Module by contract
    kept = {part: tensors for part, tensors in parts.items() if tensors}
    return {part: job.store.artefacts.put(tensors_to_bytes(t), suffix=".safetensors") for part, t in kept.items()}


def _tell(job: Job, trainer: Trainer) -> None:
    """What went through, but may not be what was meant."""
    told = []
    if trainer.guard.skipped:
        told.append(f"{trainer.guard.skipped} of {trainer.step} steps were skipped: a loss or gradient was not finite")
    if trainer.adversarial and not trainer.adversarial.adversary.updates:
        told.append("the discriminator never learned; lower optimize.adversarial.starts-at")
    for text in told:
        job.emit({"event": "note", "text": text})


def _loop(job: Job, trainer: Trainer, curves: Curves, validation: Validation | None, save: Callable[[], None]) -> None:
    config, group = job.config["optimize"], job.runtime.group
    steps, pace = config["steps"], _Pace(config["checkpoint-every"])
    while trainer.step < steps:
        curves.add(trainer.advance())
        if validation and validation.due(trainer.step, steps):
            _validate(trainer, curves, validation)
        if trainer.step % curves.every == 0 or trainer.step == steps:
            losses = curves.close_interval(trainer.step)
            job.emit({"event": "step", "step": trainer.step, "of": steps, "losses": losses})
        stop = trainer.step < steps and group.agree(job.stop.is_set(), job.runtime.device)
        if group.leads and trainer.step < steps and (stop or pace.due(trainer.step)):
            pace.take(save)
        if stop:
            raise StoppedError


def _validate(trainer: Trainer, curves: Curves, validation: Validation) -> None:
    mean = validation.look(trainer.averaged, trainer.step)
    curves.point(f"validate/{validation.label}", trainer.step, mean)


class _Pace:
    """When to save: every so many steps or, if `every` is 0, by the clock. No result depends on when."""

    def __init__(self, every: int) -> None:
        self.every, self.last, self.wait = every, time.monotonic(), SAVE_SECONDS

    def due(self, step: int) -> bool:
        """Whether to save after so many steps."""
        return step % self.every == 0 if self.every else time.monotonic() - self.last >= self.wait

    def take(self, save: Callable[[], None]) -> None:
        """Save, and wait the longer for the next time the longer it took."""
        started = time.monotonic()
        save()
        self.last = time.monotonic()
        self.wait = max(SAVE_SECONDS, (self.last - started) / SAVE_SHARE)
