"""From the section `optimize` of a resolved cell to a trainer at step 0."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from percept.errors import ComponentError, DataError, ImageError, InputError
from percept.registry import registry
from percept.specs import AssessorSpec, DiscriminatorSpec
from percept.stages.build import build_dataset, build_degrade, build_discriminator, build_generator
from percept.stages.job import Job
from percept.stages.sampling import ahead, build_sampler
from percept.stages.scoring import Options, build_assessors
from percept.training.adversary import Adversary
from percept.training.averaging import averaged
from percept.training.batch_norm import share_batch_norms
from percept.training.lora import add_adapters
from percept.training.objectives import OBJECTIVES
from percept.training.optimizers import build_optimizer, build_schedule
from percept.training.patches import PatchSampler
from percept.training.penalties import PENALTIES, Penalty
from percept.training.player import Player
from percept.training.ramps import ramp_of
from percept.training.runtime import seed_of
from percept.training.terms import Fidelity, Quality, Rejected, Term, labels
from percept.training.trainer import Adversarial, Trainer
from percept.training.validation import Validation
from percept.training.whole_images import WholeImages

Config = Mapping[str, Any]


def build_trainer(job: Job) -> Trainer:
    """Networks, losses, data and optimisers of the cell, at step 0."""
    config, seed = job.config["optimize"], job.config["seed"]
    sampler = build_sampler(job)
    _require_scale(job, sampler.scale)
    generator = _generator(job, sampler)
    player = _player(job, generator, config["optimizer"], config["schedule"], config["steps"])
    ema = averaged(generator, config["ema"]) if config["ema"] else None
    adversarial = _adversarial(job)
    # Each process draws its own dropout; one process draws what it always did.
    torch.manual_seed(seed_of(seed, "training") + job.runtime.group.rank)
    return Trainer(job.runtime, player, ahead(job, sampler), _terms(job), adversarial, ema, config["accumulate"])


def build_validation(job: Job) -> Validation | None:
    """What looks at `data.validate` on the way, or None. Raises ComponentError if its assessor cannot be built."""
    config = job.config["optimize"]["validate"]
    if not config:
        return None
    options = Options(config["crop-border"], config["eight-bit"])
    (judge,) = build_assessors([config["with"]], options, job.runtime.device)
    if judge.broken:
        raise ComponentError(f"optimize.validate: {judge.broken}")

    @torch.no_grad()
    def restore(network: nn.Module, degraded: Tensor) -> Tensor:
        with job.runtime.autocast():
            output: Tensor = network(job.runtime.move(degraded))
        return output.float().clamp(0, 1).cpu()

    def score(output: Tensor, target: Tensor) -> float:
        found = judge.score(output, target)
        if not found.ok:
            raise ComponentError(f"optimize.validate: {judge.facts['label']}: {found.reason}")
        return found.value

    dataset = build_dataset(job.config["data"]["validate"])
    degrade = build_degrade(job.config["data"]["degrade"])
    higher = judge.facts["direction"] == "higher"
    group, device = job.runtime.group, job.runtime.device
    return Validation(dataset, degrade, restore, score, judge.facts["label"], higher, config["every"], group, device)


def _require_scale(job: Job, scale: int) -> None:
    """That images with inputs of their own, to be looked at later, are as many times larger as those that teach."""
    data, parts = job.config["data"], {"validate": job.config["optimize"]["validate"], "test": job.config.get("assess")}
    for part in [part for part, wanted in parts.items() if wanted and data[part] and not data["degrade"]]:
        with contextlib.suppress(ImageError, IndexError):  # a damaged image is told where it is looked at
            degraded, target = build_degrade([]).pair(build_dataset(data[part])[0])
            found = target.shape[-1] // degraded.shape[-1]
            if found != scale:
                raise DataError(f"data.{part}: targets are {found}× as large as inputs, but {scale}× where it learns")


def _generator(job: Job, sampler: PatchSampler | WholeImages) -> nn.Module:
    lora = job.config["optimize"]["lora"]
    generator = build_generator(job, sampler.scale).train()
    if isinstance(sampler, WholeImages):
        generator.adopt(job.runtime.move(sampler.inputs))  # type: ignore[operator]  # torch takes it for a Tensor
    if lora:
        torch.manual_seed(seed_of(job.config["seed"], "lora"))
        rank = lora["rank"]
        add_adapters(generator, rank, rank if lora["alpha"] is None else lora["alpha"], lora["targets"])
        generator = job.runtime.place(generator)
    generator = share_batch_norms(generator, job.runtime.group)
    if job.runtime.compile:
        generator.compile()
    return generator


def _player(job: Job, network: nn.Module, optimizer: Config, schedule: Config, steps: int) -> Player:
    made = build_optimizer(network.parameters(), optimizer)
    runtime, clip = job.runtime, job.config["optimize"]["clip"]
    return Player(network, made, build_schedule(made, schedule, steps), clip, runtime.scaler(), runtime.group)


def _terms(job: Job) -> list[Term]:
    config = job.config["optimize"]
    fidelity, quality, negative = config["fidelity"], config["quality"], config["ground-truth"]["negative"]
    names = labels([c["label"] or c["use"] for c in (*fidelity, *quality)] + (["rejected"] if negative else []))
    terms: list[Term] = []
    for name, c in zip(names, fidelity, strict=False):
        terms.append(Fidelity(name, ramp_of(c["weight"]), _frozen(_built(job, "fidelity_loss", c))))
    for name, c in zip(names[len(fidelity) :], quality, strict=False):
        spec, assessor = _spec(c), _frozen(_built(job, "assessor", c))
        terms.append(Quality(name, ramp_of(c["weight"]), assessor, spec.direction, spec.reference == "full"))
    if negative:
        terms.append(Rejected(names[-1], ramp_of(negative["weight"]), negative["mask"]))
    return terms


def _built(job: Job, kind: Any, config: Config) -> Any:
    built = registry().build(kind, config["use"], **config["parameters"])
    if hasattr(built, "to"):
        built.to(job.runtime.device)
    return built


def _frozen(metric: Any) -> Any:
    """A metric whose own parameters stay as they are, and cost no gradients."""
    if isinstance(metric, nn.Module):
        metric.eval().requires_grad_(False)
    return metric


def _spec(config: Config) -> AssessorSpec:
    spec = registry().find("assessor", config["use"]).spec
    assert isinstance(spec, AssessorSpec)
    return spec


def _adversarial(job: Job) -> Adversarial | None:
    config = job.config["optimize"]
    adversarial = config["adversarial"]
    if not adversarial or not adversarial["discriminator"]:
        return None
    discriminator = share_batch_norms(build_discriminator(job).train(), job.runtime.group)
    _require_room(adversarial["discriminator"]["use"], discriminator, config["patch"])
    optimizer, schedule = adversarial["optimizer"] or config["optimizer"], adversarial["schedule"] or config["schedule"]
    turns = max(1, config["steps"] - adversarial["starts-at"])
    adversary = Adversary(
        _player(job, discriminator, optimizer, schedule, turns),
        OBJECTIVES[adversarial["objective"]],
        torch.Generator().manual_seed(seed_of(job.config["seed"], "adversary")),
        _penalties(adversarial),
        adversarial["label-smoothing"],
        adversarial["steps"],
        adversarial["every"],
    )
    return Adversarial(adversary, ramp_of(adversarial["weight"]), adversarial["starts-at"])


def _penalties(config: Config) -> list[Penalty]:
    asked = {name: config[name] for name in PENALTIES if config[name]}
    by_itself = OBJECTIVES[config["objective"]].penalty
    if by_itself:
        asked = {"gradient-penalty": {"weight": by_itself, "every": 1}, **asked}
    return [Penalty(name, PENALTIES[name], c["weight"], c["every"]) for name, c in asked.items() if c["weight"]]


def _require_room(name: str, discriminator: nn.Module, patch: int) -> None:
    spec = registry().find("discriminator", name).spec
    assert isinstance(spec, DiscriminatorSpec)
    least = getattr(discriminator, "min_size", spec.min_size)
    if patch < least:
        raise InputError(
            f"optimize.patch: discriminator '{name}' with these parameters needs {least} pixels a side, not {patch}"
        )
