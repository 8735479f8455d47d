"""Everything that can be known to be wrong with a recipe before anything runs, in one go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from percept.errors import ComponentError, RecipeError
from percept.recipe import Cell, Recipe, load
from percept.registry import registry
from percept.registry.signature import has_parameter
from percept.specs import (
    AssessorSpec,
    DatasetSpec,
    DegradationSpec,
    DiscriminatorSpec,
    FidelityLossSpec,
    GeneratorSpec,
    Kind,
    MetricSpec,
)
from percept.stages import SCHEMAS
from percept.stages.identity import learns_from
from percept.stages.optimize_schema import ASKING, CURVES, SMOOTHED

NOT_YET = ("fit", "benchmark")


def load_checked(recipe: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """Load a recipe and check it against the installed components. Raises RecipeError with all the mistakes."""
    loaded = load(recipe, SCHEMAS, overrides, _check_component)
    problems = [problem for cell in loaded.cells for problem in _cell_problems(cell)]
    if problems:
        raise RecipeError(list(dict.fromkeys(problems)))
    return loaded


def _check_component(kind: Kind, name: str, parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    return registry().problems(kind, name, dict(parameters))


def _cell_problems(cell: Cell) -> Iterator[str]:
    try:
        _scale(cell.config)
    except ComponentError as error:  # a value that only building finds wrong; what follows needs the scale
        yield cell.problem("data.degrade", str(error))
        return
    config = cell.config
    for stage in NOT_YET:
        if config.get(stage):
            yield cell.problem(stage, f"the stage '{stage}' is not part of this version of percept")
    if config.get("assess") and not config["data"].get("test"):
        yield cell.problem("assess", "needs data.test: the images to be assessed")
    yield from _generator_problems(cell)
    if config.get("optimize"):
        yield from _optimize_problems(cell)


def _generator_problems(cell: Cell) -> Iterator[str]:
    config = cell.config["generator"]
    component = registry().find("generator", config["use"])
    spec = component.spec
    assert isinstance(spec, GeneratorSpec)
    if cell.config.get("optimize") and not spec.trainable:
        yield cell.problem("generator", f"'{spec.name}' has nothing to train; leave optimize out")
    if spec.by_name:
        for key in ("init", "adapter"):
            if config.get(key):
                yield cell.problem(f"generator.{key}", f"'{spec.name}' has no weights; leave {key} out")
        return
    scale = _scale(cell.config)
    stated = config["parameters"].get("scale", scale)
    if scale is None:
        return
    if stated != scale:
        yield cell.problem("generator", f"scale {stated}, but data.degrade makes images {scale}× smaller")
    elif scale not in spec.scales and (scale != 1 or not has_parameter(component.target(), "scale")):
        offers = ", ".join(map(str, spec.scales))
        yield cell.problem(
            "generator", f"'{spec.name}' offers scales {offers}, data.degrade makes images {scale}× smaller"
        )


def _optimize_problems(cell: Cell) -> Iterator[str]:
    optimize, learned = cell.config["optimize"], learns_from(cell.config)
    if not cell.config["data"].get(learned):
        yield cell.problem("optimize", f"needs data.{learned}: the images to train on")
    # How large whole images are, only the data can tell.
    patch = optimize["patch"] if learned == "train" else inf
    scale, processes = _scale(cell.config), cell.config["runtime"]["processes"]
    if processes > 1 and learned == "test":
        yield cell.problem("runtime.processes", "images that are their own generator have no batch to share; make it 1")
    elif optimize["batch"] % processes:
        yield cell.problem("runtime.processes", f"optimize.batch {optimize['batch']} is no multiple of {processes}")
    if learned == "train" and scale and patch % scale:
        yield cell.problem("optimize.patch", f"{patch} is no multiple of the degradation's scale {scale}")
    for index, config in enumerate(optimize["fidelity"]):
        spec = registry().find("fidelity_loss", config["use"]).spec
        assert isinstance(spec, FidelityLossSpec)
        yield from _too_small(cell, f"optimize.fidelity[{index}]", spec, patch)
    yield from _rate_problems(cell)
    yield from _label_problems(cell)
    yield from _quality_problems(cell, patch)
    yield from _ground_truth_problems(cell, patch)
    yield from _adversarial_problems(cell, patch)
    if optimize["validate"] and not cell.config["data"].get("validate"):
        yield cell.problem("optimize.validate", "needs data.validate: the images that the best weights are chosen on")


def _rate_problems(cell: Cell) -> Iterator[str]:
    """What would train, but not as anybody means it."""
    optimize = cell.config["optimize"]
    if optimize["ema"] == 1:
        yield cell.problem("optimize.ema", "1 would keep the weights of the first step for ever; it is below 1")
    places = {"optimize": optimize, "optimize.adversarial": optimize["adversarial"] or {}}
    for where, section in places.items():
        betas = (section.get("optimizer") or {}).get("betas", (0.0, 0.0))
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            yield cell.problem(f"{where}.optimizer.betas", f"{betas} are not two numbers from 0 to below 1")
        schedule, rate = section.get("schedule") or {}, (section.get("optimizer") or optimize["optimizer"])["lr"]
        if schedule.get("use", "").startswith("cosine") and schedule["floor"] > rate:
            yield cell.problem(f"{where}.schedule.floor", f"{schedule['floor']} is above the rate, {rate}")
        if schedule.get("use") == "multistep" and not schedule["milestones"]:
            yield cell.problem(f"{where}.schedule", "multistep has no milestones, at which its rate would change")


def _label_problems(cell: Cell) -> Iterator[str]:
    for part in ("fidelity", "quality"):
        for index, config in enumerate(cell.config["optimize"][part]):
            if config["label"] in CURVES:
                where = f"optimize.{part}[{index}].label"
                yield cell.problem(
                    where, f"'{config['label']}' is a learning curve of the training itself; choose another"
                )


def _quality_problems(cell: Cell, patch: float) -> Iterator[str]:
    for index, config in enumerate(cell.config["optimize"]["quality"]):
        spec, where = _assessor(config), f"optimize.quality[{index}]"
        if not spec.differentiable:
            yield cell.problem(where, f"'{spec.name}' has no gradients: it can judge, but nothing can descend it")
        yield from _too_small(cell, where, spec, patch)


def _ground_truth_problems(cell: Cell, patch: float) -> Iterator[str]:
    config = cell.config["optimize"]["ground-truth"]
    rule, where = config["use"], "optimize.ground-truth"
    if rule != "originals" or config["negative"]:
        train = cell.config["data"].get("train")
        spec = registry().find("dataset", train["use"]).spec if train else None
        if isinstance(spec, DatasetSpec) and spec.content != "groups":
            yield cell.problem(
                where, f"'{spec.name}' has one ground truth an image: data.train needs a dataset of groups"
            )
    if rule not in ASKING:
        return
    if not config["assessor"]:
        yield cell.problem(where, f"{rule} asks an assessor: give it `assessor`")
        return
    spec = _assessor(config["assessor"])
    if spec.reference != "none":
        yield cell.problem(
            f"{where}.assessor", f"'{spec.name}' compares with a reference; {rule} needs one that does not"
        )
    if rule == "amo":
        yield from _too_small(cell, f"{where}.assessor", spec, patch)


def _assessor(config: Mapping[str, Any]) -> AssessorSpec:
    spec = registry().find("assessor", config["use"]).spec
    assert isinstance(spec, AssessorSpec)
    return spec


def _adversarial_problems(cell: Cell, patch: float) -> Iterator[str]:
    adversarial = cell.config["optimize"]["adversarial"]
    if not adversarial or not adversarial["discriminator"]:
        if not cell.config["optimize"]["fidelity"] and not cell.config["optimize"]["quality"]:
            yield cell.problem("optimize", "has no objective: give fidelity losses, or a discriminator")
        return
    if adversarial["label-smoothing"] and adversarial["objective"] not in SMOOTHED:
        where, those = "optimize.adversarial.label-smoothing", " and ".join(SMOOTHED)
        yield cell.problem(where, f"{adversarial['objective']} has no labels to be smoothed; only {those} have")
    spec = registry().find("discriminator", adversarial["discriminator"]["use"]).spec
    assert isinstance(spec, DiscriminatorSpec)
    yield from _too_small(cell, "optimize.adversarial.discriminator", spec, patch)


def _too_small(cell: Cell, where: str, spec: MetricSpec | DiscriminatorSpec, patch: float) -> Iterator[str]:
    if spec.min_size > patch:
        yield cell.problem(where, f"'{spec.name}' needs {spec.min_size} pixels a side, optimize.patch is {patch}")


def _scale(config: Mapping[str, Any]) -> int | None:
    """The chain's magnification from the parameters alone, or None where only the data can tell."""
    if not config["data"]["degrade"]:
        return None
    scale = 1
    for link in config["data"]["degrade"]:
        component = registry().find("degradation", link["use"])
        assert isinstance(component.spec, DegradationSpec)
        if component.spec.resizes:
            scale *= registry().build("degradation", link["use"], **link["parameters"]).scale
    return scale
