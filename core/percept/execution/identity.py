"""A run's name: the hash of everything that determines its result, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from percept.registry import registry
from percept.specs import Kind
from percept.stages.identity import identity_of, learns_from

# Raised when the engine itself changes what a recipe gives, so that old runs are not taken for new ones.
ENGINE = 1

# How often something is written down changes no result.
_WITHOUT_EFFECT = ("log-every", "checkpoint-every")


def run_key(config: Mapping[str, Any], train: str, initial: Mapping[str, str]) -> str:
    """64 hexadecimal digits for a resolved cell.

    `train` is the training data's fingerprint (empty without `optimize`), `initial` maps generator and discriminator
    to the run or file that they start from. What is assessed is no part of it.
    """
    identity = {
        "engine": ENGINE,
        "generator": _component("generator", config["generator"]),
        "degrade": [_component("degradation", c) for c in config["data"]["degrade"]],
        "initial": dict(initial),
    }
    if config.get("optimize"):
        identity |= {
            "optimize": _optimize(config["optimize"]),
            "train": [_component("dataset", config["data"][learns_from(config)])["version"], train],
            "seed": config["seed"],
            "precision": config["runtime"]["precision"],
        }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _optimize(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in config.items() if k not in _WITHOUT_EFFECT}
    kept["fidelity"] = [[c["weight"], _component("fidelity_loss", c)] for c in config["fidelity"]]
    adversarial = config["adversarial"]
    if adversarial and adversarial["discriminator"]:
        kept["adversarial"] = {
            **adversarial,
            "discriminator": _component("discriminator", adversarial["discriminator"]),
        }
    else:
        kept["adversarial"] = None
    return kept


def _component(kind: Kind, config: Mapping[str, Any]) -> dict[str, Any]:
    return identity_of(registry().find(kind, config["use"]), config["parameters"])
