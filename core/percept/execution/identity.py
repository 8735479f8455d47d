"""A run's name: the hash of everything that determines its result, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from percept.registry import registry
from percept.specs import GeneratorSpec, Kind
from percept.stages.identity import data_identity, identity_of, learns_from

# Raised when the engine itself changes what a recipe gives, so that old runs are not taken for new ones.
ENGINE = 3

# How often something is written down changes no result.
_WITHOUT_EFFECT = ("log-every", "checkpoint-every")


def run_key(config: Mapping[str, Any], train: str, initial: Mapping[str, str], validate: str = "") -> str:
    """64 hexadecimal digits for a resolved cell.

    `train` is the training data's fingerprint (empty without `optimize`), `validate` that of the data that the best
    weights are chosen on, `initial` maps generator, adapter and discriminator to the run or file that they start from.
    What is assessed is no part of it, and the seed only where anything is drawn. Outputs made elsewhere are known by
    their content. Raises DataError where such are absent.
    """
    identity = {
        "engine": ENGINE,
        "generator": _generator(config["generator"]),
        "degrade": [_component("degradation", c) for c in config["data"]["degrade"]],
        "initial": dict(initial),
        "precision": config["runtime"]["precision"],
    }
    if config.get("optimize") or _starts_at_random(config, initial):
        identity["seed"] = config["seed"]
    if config.get("optimize"):
        identity["optimize"] = _optimize(config["optimize"])
        identity["train"] = data_identity(config["data"][learns_from(config)], train)
        if validate:
            identity["validate"] = data_identity(config["data"]["validate"], validate)
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _starts_at_random(config: Mapping[str, Any], initial: Mapping[str, str]) -> bool:
    """Whether the generator may have weights that it is not given: an adapter changes those, and replaces none."""
    spec = registry().find("generator", config["generator"]["use"]).spec
    return isinstance(spec, GeneratorSpec) and spec.trainable and "generator" not in initial


def _generator(config: Mapping[str, Any]) -> dict[str, Any]:
    component = registry().find("generator", config["use"])
    if not (isinstance(component.spec, GeneratorSpec) and component.spec.by_name):
        return _component("generator", config)
    outputs = registry().build("generator", config["use"], **config["parameters"])
    return {**identity_of(component, {}), "outputs": outputs.fingerprint()}


def _optimize(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in config.items() if k not in _WITHOUT_EFFECT}
    kept["fidelity"] = [[c["weight"], _component("fidelity_loss", c)] for c in config["fidelity"]]
    kept["quality"] = [[c["weight"], _component("assessor", c)] for c in config["quality"]]
    kept["ground-truth"] = _with_component(config["ground-truth"], "assessor", "assessor")
    kept["validate"] = _with_component(config["validate"], "with", "assessor")
    adversarial = config["adversarial"]
    wanted = bool(adversarial and adversarial["discriminator"])
    kept["adversarial"] = _with_component(adversarial, "discriminator", "discriminator") if wanted else None
    return kept


def _with_component(section: Mapping[str, Any] | None, key: str, kind: Kind) -> dict[str, Any] | None:
    """The section with what identifies its component in the place of the component."""
    if not section:
        return None
    return {**section, key: _component(kind, section[key]) if section[key] else None}


def _component(kind: Kind, config: Mapping[str, Any]) -> dict[str, Any]:
    return identity_of(registry().find(kind, config["use"]), config["parameters"])
