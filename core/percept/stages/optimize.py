"""The stage `optimize`: train a generator under fidelity losses and, if asked, against a discriminator."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from percept.schema import Component, Field, List, Section, chained
from percept.stages.job import StoppedError

if TYPE_CHECKING:
    import torch

    from percept.stages.curves import Curves
    from percept.stages.job import Job
    from percept.training.patches import PatchSampler
    from percept.training.trainer import Adversarial, Trainer
    from percept.training.whole_images import WholeImages

SAVE_SECONDS = 10.0

# Kept in step with training.optimizers and training.objectives, which import torch; a test compares them.
_OPTIMIZERS = ("adam", "adamw", "sgd")
_SCHEDULES = ("constant", "cosine", "multistep", "one-cycle")
_OBJECTIVES = ("vanilla", "hinge", "lsgan", "wgan-gp", "relativistic")

_OPTIMIZER = Section(
    {
        "use": Field(str, default="adam", choices=_OPTIMIZERS),
        "lr": Field(float, default=1e-4, minimum=0, doc="learning rate"),
        "betas": Field(List(float, minimum=2), default=[0.9, 0.99], doc="of adam and adamw"),
        "weight-decay": Field(float, default=0.0, minimum=0),
        "momentum": Field(float, default=0.9, minimum=0, doc="of sgd"),
    },
    short="use",
)
_SCHEDULE = Section(
    {
        "use": Field(str, default="constant", choices=_SCHEDULES),
        "milestones": Field(List(int), default=[], doc="steps at which multistep multiplies the rate by gamma"),
        "gamma": Field(float, default=0.5, minimum=0),
        "floor": Field(float, default=0.0, minimum=0, doc="the rate at which cosine ends"),
    },
    short="use",
)
_LOSS = Section(
    {
        "weight": Field(float, default=1.0, minimum=0),
        "label": Field(str, doc="name of its learning curve; default: its own"),
    }
)
_DISCRIMINATOR = Section({"init": chained("discriminator"), "label": Field(str)})
_ADVERSARIAL = Section(
    {
        "discriminator": Field(Component("discriminator", _DISCRIMINATOR, optional=True), doc="none: no such term"),
        "objective": Field(str, default="vanilla", choices=_OBJECTIVES),
        "weight": Field(float, default=0.1, minimum=0),
        "starts-at": Field(int, default=0, minimum=0, doc="first step with the adversarial term: warm-up before it"),
        "optimizer": Field(_OPTIMIZER, doc="of the discriminator; default: as the generator's"),
    }
)
SCHEMA = Section(
    {
        "steps": Field(int, required=True, minimum=1, doc="updates of the generator"),
        "batch": Field(int, default=16, minimum=1, doc="patches a step"),
        "patch": Field(int, default=128, minimum=1, doc="side of a patch of the target, pixels"),
        "augment": Field(bool, default=True, doc="flips and quarter turns"),
        "optimizer": Field(_OPTIMIZER, default={}),
        "schedule": Field(_SCHEDULE, default={}, doc="of the learning rate"),
        "fidelity": Field(List(Component("fidelity_loss", _LOSS, optional=True), lone=True), default=[]),
        "adversarial": Field(_ADVERSARIAL),
        "ema": Field(float, default=0.0, minimum=0, maximum=1, doc="decay of the weights' moving average; 0: none"),
        "log-every": Field(int, default=10, minimum=1, doc="steps between points of the learning curves"),
        "checkpoint-every": Field(int, default=0, minimum=0, doc="steps; 0: about every ten seconds"),
    },
    doc="train the generator",
)


def run(job: Job) -> None:
    """Train to the last step, resuming from the checkpoint if there is one, and leave the run's record.

    Raises DivergedError if training does not stay finite, DataError or InputError if the recipe's data do not serve.
    """
    from percept.stages.curves import Curves
    from percept.stages.record import record_run

    trainer = build_trainer(job)
    curves = Curves(job.config["optimize"]["log-every"])
    seconds = train(job, trainer, curves)
    record_run(job, "ok", seconds=seconds, arrays=curves.arrays(), weights=store_weights(job, trainer))
    (job.scratch / "state.pt").unlink(missing_ok=True)


def train(job: Job, trainer: Trainer, curves: Curves) -> float:
    """Advance to the last step, saving checkpoints on the way; returns the seconds spent, earlier sittings included."""
    import torch

    from percept.training.checkpoint import load_state, save_state

    path = job.scratch / "state.pt"
    earlier = 0.0
    state = load_state(path)
    if state is not None:
        # The sums of a convolution depend on how it is split: go on with as many threads as before.
        torch.set_num_threads(state["threads"])
        trainer.load_state_dict(state["trainer"])
        curves.load_state_dict(state["curves"])
        earlier = state["seconds"]
        job.emit({"event": "resumed", "step": trainer.step})
    started = time.monotonic()

    def save() -> None:
        seconds = earlier + time.monotonic() - started
        state = {"trainer": trainer.state_dict(), "curves": curves.state_dict()}
        save_state(path, {**state, "seconds": seconds, "threads": torch.get_num_threads()})

    _loop(job, trainer, curves, save)
    return earlier + time.monotonic() - started


def build_trainer(job: Job) -> Trainer:
    """Networks, losses, data and optimisers of the cell, at step 0."""
    import torch

    from percept.stages.build import build_generator
    from percept.training.averaging import averaged
    from percept.training.optimizers import build_optimizer, build_schedule
    from percept.training.runtime import seed_of
    from percept.training.trainer import Trainer
    from percept.training.whole_images import WholeImages

    config, seed = job.config["optimize"], job.config["seed"]
    sampler = _sampler(job)
    generator = build_generator(job, sampler.scale).train()
    if isinstance(sampler, WholeImages):
        generator.adopt(job.runtime.move(sampler.inputs))  # type: ignore[operator]  # torch takes it for a Tensor
    optimizer = build_optimizer(generator.parameters(), config["optimizer"])
    schedule = build_schedule(optimizer, config["schedule"], config["steps"])
    adversarial = _adversarial(job)
    ema = averaged(generator, config["ema"]) if config["ema"] else None
    torch.manual_seed(seed_of(seed, "training"))
    return Trainer(job.runtime, generator, optimizer, schedule, sampler, _terms(job), adversarial, ema)


def _sampler(job: Job) -> PatchSampler | WholeImages:
    from percept.stages.build import build_dataset, build_degrade
    from percept.stages.identity import learns_from
    from percept.training.patches import PatchSampler
    from percept.training.runtime import seed_of
    from percept.training.whole_images import WholeImages

    config = job.config["optimize"]
    degrade = build_degrade(job.config["data"]["degrade"])
    dataset = build_dataset(job.config["data"][learns_from(job.config)])
    if learns_from(job.config) == "test":
        return WholeImages(dataset, degrade)
    seed = seed_of(job.config["seed"], "patches")
    return PatchSampler(dataset, degrade, config["patch"], config["batch"], config["augment"], seed)


def store_weights(job: Job, trainer: Trainer) -> dict[str, str]:
    """Keep the final weights as artefacts: part → name. `ema`, where there is one, is what gets assessed."""
    from percept.training.checkpoint import to_bytes

    parts: dict[str, torch.nn.Module] = {"generator": trainer.generator}
    if trainer.ema is not None:
        parts["ema"] = trainer.ema.module
    if trainer.adversarial:
        discriminator = trainer.adversarial.adversary.discriminator
        parts |= {"discriminator": discriminator, "backbone": discriminator.backbone}  # type: ignore[dict-item]  # a Module by contract
    return {part: job.store.artefacts.put(to_bytes(module), suffix=".safetensors") for part, module in parts.items()}


def _loop(job: Job, trainer: Trainer, curves: Curves, save: Callable[[], None]) -> None:
    config = job.config["optimize"]
    steps, due = config["steps"], _due(config["checkpoint-every"])
    while trainer.step < steps:
        curves.add(trainer.advance())
        if trainer.step % curves.every == 0 or trainer.step == steps:
            losses = curves.close_interval(trainer.step)
            job.emit({"event": "step", "step": trainer.step, "of": steps, "losses": losses})
        if trainer.step < steps and (due(trainer.step) or job.stop.is_set()):
            save()
            if job.stop.is_set():
                raise StoppedError


def _due(every: int) -> Callable[[int], bool]:
    """Whether to save now: every so many steps or, if `every` is 0, by the clock. No result depends on when."""
    last = time.monotonic()

    def due(step: int) -> bool:
        nonlocal last
        if every:
            return step % every == 0
        if time.monotonic() - last < SAVE_SECONDS:
            return False
        last = time.monotonic()
        return True

    return due


def _terms(job: Job) -> list[Any]:
    from percept.registry import registry
    from percept.training.terms import Term, labels

    configs = job.config["optimize"]["fidelity"]
    names = labels([c["label"] or c["use"] for c in configs])
    losses = [registry().build("fidelity_loss", c["use"], **c["parameters"]) for c in configs]
    for loss in losses:
        if hasattr(loss, "to"):
            loss.to(job.runtime.device)
    return [Term(name, c["weight"], loss) for name, c, loss in zip(names, configs, losses, strict=True)]


def _adversarial(job: Job) -> Adversarial | None:
    import torch

    from percept.stages.build import build_discriminator
    from percept.training.adversary import Adversary
    from percept.training.optimizers import build_optimizer, build_schedule
    from percept.training.runtime import seed_of
    from percept.training.trainer import Adversarial

    config = job.config["optimize"]
    adversarial = config["adversarial"]
    if not adversarial or not adversarial["discriminator"]:
        return None
    discriminator = build_discriminator(job).train()
    optimizer = build_optimizer(discriminator.parameters(), adversarial["optimizer"] or config["optimizer"])
    trained = max(1, config["steps"] - adversarial["starts-at"])
    schedule = build_schedule(optimizer, config["schedule"], trained)
    rng = torch.Generator().manual_seed(seed_of(job.config["seed"], "adversary"))
    adversary = Adversary(discriminator, adversarial["objective"], optimizer, rng)
    return Adversarial(adversary, schedule, adversarial["weight"], adversarial["starts-at"])
