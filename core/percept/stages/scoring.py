"""Assessors by name, built and with the identity that their scores are kept by."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from percept.errors import ComponentError
from percept.registry import Component, registry
from percept.specs import AssessorSpec
from percept.stages.identity import identity_of
from percept.stages.judge import Judge, Prepared
from percept.stages.label import component_label
from percept.stages.score import FAILED, NOT_APPLICABLE, NOT_RUN, OK, Options, Score

__all__ = [
    "FAILED",
    "NOT_APPLICABLE",
    "NOT_RUN",
    "OK",
    "Judge",
    "Options",
    "Prepared",
    "Score",
    "assessor_facts",
    "build_assessors",
]


def assessor_facts(component: Component, config: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """What the record keeps of an assessor; `key` changes whenever its scores might."""
    spec = component.spec
    assert isinstance(spec, AssessorSpec)
    identity = [identity_of(component, config["parameters"]), options.crop_border, options.eight_bit]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    low, high = (bound if math.isfinite(bound) else None for bound in spec.range)
    return {
        "key": f"{spec.name}@{component.version}+{digest[:12]}",
        "label": _label(config, options),
        "name": spec.name,
        "version": component.version,
        "distribution": component.plugin.distribution,
        "weights": ",".join(weights.sha256 for weights in spec.weights),
        "parameters": dict(config["parameters"]),
        "direction": spec.direction,
        "low": low,
        "high": high,
        "reference": spec.reference,
        "colour": spec.colour,
        "variant": ", ".join(filter(None, [spec.variant, *options.text()])),
    }


def build_assessors(
    configs: Sequence[Mapping[str, Any]], options: Options, device: torch.device | None = None
) -> list[Judge]:
    """Build every assessor; one that cannot be built stays in the list with its reason.

    Raises ComponentError only for a name that nobody offers, since then there is nothing to keep a score by.
    """
    return [_judge(config, options, device or torch.device("cpu")) for config in configs]


def _judge(config: Mapping[str, Any], options: Options, device: torch.device) -> Judge:
    component = registry().find("assessor", config["use"])
    facts = assessor_facts(component, config, options)
    assert isinstance(component.spec, AssessorSpec)
    try:
        assessor = registry().build("assessor", config["use"], **config["parameters"])
    except ComponentError as error:
        return Judge(facts, component.spec, options, broken=str(error))
    if hasattr(assessor, "to"):
        assessor.to(device)
    return Judge(facts, component.spec, options, assessor, device=device)


def _label(config: Mapping[str, Any], options: Options) -> str:
    base = component_label(config)
    extra = ", ".join(options.text())
    if not extra:
        return base
    return f"{base[:-1]}, {extra})" if base.endswith(")") else f"{base}({extra})"
