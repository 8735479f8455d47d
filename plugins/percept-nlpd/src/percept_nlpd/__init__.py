"""Offers `nlpd`, in both lives."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_VARIANT = "luminance in [0, 1], 6 levels, Burt and Adelson's filter of 5 taps, the authors' filters and σ"

_NLPD = AssessorSpec(
    name="nlpd",
    summary="Distance of normalized Laplacian pyramids of luminance",
    target="percept_nlpd.nlpd:NLPD",
    arguments={"rounded": True},
    cites=("doi:10.2352/ISSN.2470-1173.2016.16.HVEI-103", "arXiv:1701.06641"),
    direction="lower",
    range=(0.0, inf),
    colour="gray",
    variant=f"{_VARIANT}; luminance rounded to 256 levels, as the authors' code is given it",
    formula="meanₖ √mean((yₖ(a) - yₖ(b))²), yₖ = zₖ / (σₖ + Pₖ * |zₖ|), zₖ level k of the Laplacian pyramid",
    symmetric=True,
    min_size=17,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_NLPD]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [_NLPD.as_loss(arguments={"rounded": False}, variant=f"{_VARIANT}; luminance not rounded")]
