"""Assessors at work on one image: values, and what to say where there is none."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from percept.contracts import Assessor
from percept.errors import ComponentError, ImageError
from percept.registry import Component, registry
from percept.specs import AssessorSpec
from percept.stages.identity import identity_of
from percept.stages.label import component_label

# The flags of the cube's `status`.
OK, FAILED, NOT_APPLICABLE = 1, 2, 3


@dataclass(frozen=True)
class Options:
    """How images are brought before an assessor: part of the identity of every score."""

    crop_border: int = 0
    eight_bit: bool = False

    def apply(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) clamped to [0, 1], rounded to 8-bit levels and with its border cut, as asked."""
        image = image.clamp(0, 1)
        if self.eight_bit:
            image = (image * 255).round() / 255
        border = self.crop_border
        return image[..., border:-border, border:-border] if border else image

    def text(self) -> list[str]:
        """The options that are not the default, for labels."""
        crop = [f"crop-border={self.crop_border}"] if self.crop_border else []
        return crop + (["8-bit"] if self.eight_bit else [])


@dataclass(frozen=True)
class Score:
    """A value with its status; `reason` says why there is none."""

    value: float
    status: int = OK
    reason: str = ""


@dataclass
class Judge:
    """An assessor with what its scores are kept by. `facts` go into the record; `broken` says why it was not built."""

    facts: dict[str, Any]
    spec: AssessorSpec | None
    options: Options
    assessor: Assessor | None = None
    broken: str = ""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @torch.no_grad()
    def score(self, image: Tensor, reference: Tensor | None) -> Score:
        """Score (1, 3, H, W) against a reference of the same size, or None. Never raises for what an assessor does."""
        if self.assessor is None or self.spec is None:
            return Score(math.nan, FAILED, self.broken)
        if self.spec.reference != "none" and reference is None:
            return Score(math.nan, NOT_APPLICABLE, "needs a reference")
        image = self.options.apply(image)
        if min(image.shape[-2:]) < self.spec.min_size:
            size = f"{image.shape[-1]}×{image.shape[-2]}"
            return Score(math.nan, NOT_APPLICABLE, f"needs at least {self.spec.min_size} pixels a side, has {size}")
        return self._guarded(image, reference)

    def _guarded(self, image: Tensor, reference: Tensor | None) -> Score:
        assert self.assessor is not None
        try:
            state = None
            if reference is not None and self.spec is not None and self.spec.reference != "none":
                state = self.assessor.prepare(self.options.apply(reference).to(self.device))
            values = self.assessor.score(image.to(self.device), state)
            value = float(values.reshape(-1)[0])
        except ImageError as error:
            return Score(math.nan, NOT_APPLICABLE, str(error))
        except Exception as error:  # somebody else's code: one bad assessor must not cost the others' scores
            return Score(math.nan, FAILED, f"{type(error).__name__}: {' '.join(str(error).split())}")
        if not math.isfinite(value):
            return Score(math.nan, FAILED, f"returned {value}")
        return Score(value)


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
