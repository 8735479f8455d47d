"""Short names for what a cell is made of: the coordinates that people select runs by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def component_label(config: Mapping[str, Any] | None) -> str:
    """`ssim`, or `ssim(window=7)` where parameters are given, or the recipe's own `label`; `none` for nothing."""
    if not config:
        return "none"
    if config.get("label"):
        return str(config["label"])
    inside = ", ".join(f"{k}={v}" for k, v in sorted(config["parameters"].items()))
    return f"{config['use']}({inside})" if inside else str(config["use"])


def factors_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The factors that every run has: generator, discriminator, fidelity_loss, objective, seed.

    What a run has none of is `none`; what does not apply, because nothing is trained, is empty.
    """
    optimize = config.get("optimize")
    if not optimize:
        objectives = {"discriminator": "", "fidelity_loss": "", "objective": ""}
        return {"generator": component_label(config["generator"]), **objectives, "seed": config["seed"]}
    adversarial = optimize["adversarial"] or {}
    discriminator = adversarial.get("discriminator")
    return {
        "generator": component_label(config["generator"]),
        "discriminator": component_label(discriminator),
        "fidelity_loss": "+".join(_terms(optimize)) or "none",
        "objective": adversarial["objective"] if discriminator else "none",
        "seed": config["seed"],
    }


def _terms(optimize: Mapping[str, Any]) -> list[str]:
    """`l1`, `0.2*ssim`, and `0.1*Q(niqe)` for an assessor that is optimised itself."""
    quality = [_weight(c) + f"Q({component_label(c)})" for c in optimize["quality"]]
    return [_weight(c) + component_label(c) for c in optimize["fidelity"]] + quality


def _weight(config: Mapping[str, Any]) -> str:
    weight = config["weight"]
    if isinstance(weight, Mapping):
        return f"{weight['from']:g}→{weight['to']:g}*"
    return "" if weight == 1 else f"{weight:g}*"
