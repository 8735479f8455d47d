"""From the resolved cell to built components: what optimize and assess have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from percept.contracts import Dataset
from percept.errors import ComponentError, InputError
from percept.registry import registry
from percept.registry.signature import has_parameter
from percept.specs import DegradationSpec
from percept.stages.identity import expanded
from percept.stages.job import Job
from percept.training.degrade import Chain
from percept.training.runtime import seed_of
from percept.weights import load_weights, read_weights

ComponentConfig = Mapping[str, Any]


def build_dataset(config: ComponentConfig) -> Dataset:
    """The dataset of a resolved `data.train` or `data.test`."""
    dataset: Dataset = registry().build("dataset", config["use"], **config["parameters"])
    return dataset


def build_degrade(configs: list[ComponentConfig]) -> Chain:
    """The chain of a resolved `data.degrade`; no links, no change."""
    links = [registry().build("degradation", c["use"], **c["parameters"]) for c in configs]
    specs = [registry().find("degradation", c["use"]).spec for c in configs]
    return Chain(links, any(isinstance(s, DegradationSpec) and s.stochastic for s in specs))


def build_generator(job: Job, scale: int) -> nn.Module:
    """The generator at its starting point, on the runtime's device; `scale` is filled in where it takes one."""
    config = job.config["generator"]
    parameters = dict(config["parameters"])
    component = registry().find("generator", config["use"])
    if has_parameter(component.target(), "scale"):
        stated = parameters.setdefault("scale", scale)
        if stated != scale:
            raise InputError(
                f"generator '{config['use']}': scale {stated}, but data.degrade makes images {scale}× smaller"
            )
    elif scale != 1:
        raise ComponentError(
            f"generator '{config['use']}' keeps the size, but data.degrade makes images {scale}× smaller"
        )
    return _start(job, "generator", config, parameters)


def build_discriminator(job: Job) -> nn.Module:
    """The discriminator at its starting point, on the runtime's device."""
    config = job.config["optimize"]["adversarial"]["discriminator"]
    return _start(job, "discriminator", config, config["parameters"])


def load_artefact(job: Job, module: nn.Module, artefact: str) -> None:
    """Load weights that an earlier run left in the store."""
    weights = _artefact(job, artefact)
    if hasattr(module, "adopt"):  # a per-image generator, whose parameters are as many and as large as its images
        module.adopt(weights["inputs"])  # type: ignore[operator]  # torch takes any attribute for a Module or Tensor
        job.runtime.place(module)  # what it has adopted was on the processor
    load_weights(module, weights, f"artefact {artefact[:12]}")


def _start(job: Job, kind: Any, config: ComponentConfig, parameters: Mapping[str, Any]) -> nn.Module:
    torch.manual_seed(seed_of(job.config["seed"], kind))
    module: nn.Module = registry().build(kind, config["use"], **parameters)
    if kind in job.initial:
        load_artefact(job, module, job.initial[kind])
    elif isinstance(config.get("init"), str):
        path = expanded(config["init"])
        load_weights(module, read_weights(path), str(path))
    if kind == "generator":
        _adapt(job, module, config.get("adapter"))
    return job.runtime.place(module)


def _adapt(job: Job, module: nn.Module, adapter: Any) -> None:
    from percept.training.lora import merge_adapters

    if "adapter" in job.initial:
        merge_adapters(module, _artefact(job, job.initial["adapter"]), f"artefact {job.initial['adapter'][:12]}")
    elif isinstance(adapter, str):
        path = expanded(adapter)
        merge_adapters(module, read_weights(path), str(path))


def _artefact(job: Job, name: str) -> dict[str, Tensor]:
    from safetensors.torch import load

    return load(job.store.artefacts.read(name))
