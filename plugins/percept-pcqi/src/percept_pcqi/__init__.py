"""Offers `pcqi`, in both lives."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_VARIANT = "grey levels 0–255, 11×11 Gaussian window of sigma 1.5, valid positions, C = 3, L = 256"

_PCQI = AssessorSpec(
    name="pcqi",
    summary="Patch-based contrast quality index: more contrast than the reference's is better",
    target="percept_pcqi.pcqi:PCQI",
    arguments={"rounded": True},
    cites=("doi:10.1109/LSP.2015.2487369",),
    direction="higher",
    range=(0.0, 2.0),
    colour="gray",
    variant=f"{_VARIANT}; luminance rounded to 256 levels, as the authors' code is given it",
    formula="mean(4/π · atan((σxy + C) / (σx² + C)) · (σxy + C) / (σx σy + C) · e^(-|μx - μy| / L))",
    min_size=11,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_PCQI]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    loss = _PCQI.as_loss(
        arguments={"rounded": False},
        range=(-1.0, 1.0),
        variant=f"{_VARIANT}; luminance not rounded",
        formula=f"1 - {_PCQI.formula}",
    )
    return [loss]
