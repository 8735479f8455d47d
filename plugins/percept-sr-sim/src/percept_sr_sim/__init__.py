"""Offers `sr-sim`, in both lives."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_SR_SIM = AssessorSpec(
    name="sr-sim",
    summary="Spectral residual similarity: saliency and gradient magnitude of luminance",
    target="percept_sr_sim.sr_sim:SRSIM",
    cites=("doi:10.1109/ICIP.2012.6467149",),
    direction="higher",
    range=(0.0, 1.0),
    colour="yiq (Y only)",
    variant=(
        "grey levels 0–255, not rounded; means over F×F pixels at every F-th, F = the shorter side / 256, rounded; "
        "Scharr/16, zero border; saliency at a quarter of that size, stretched from 0 to 1 image by image"
    ),
    formula=(
        "ΣS·max(Rx, Ry) / Σmax(Rx, Ry), S = s(R, .4)·s(|∇Y|, 225)^.5, R spectral residual saliency, "
        "s(a, c) = (2·ax·ay + c) / (ax² + ay² + c)"
    ),
    symmetric=True,
    min_size=16,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_SR_SIM]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [_SR_SIM.as_loss(formula=f"1 - {_SR_SIM.formula}")]
