"""Offers `mad`, in both lives."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_VARIANT = (
    "authors' code of 2011: grey levels 0–255, blocks of 16×16 at every 4th pixel, 16 pixels of border left out, "
    "CSF to 32 cycles a degree, 5×4 log-Gabor filters"
)

_HIDDEN = (
    "an error of less local contrast than the reference counts as unseen, and without a seen error MAD is exactly 0: "
    "on images that are texture everywhere, as the check's are, so is noise of up to a tenth of the range"
)

_MAD = AssessorSpec(
    name="mad",
    summary="Most apparent distortion: visible error, and change of log-Gabor statistics",
    target="percept_mad.mad:MAD",
    arguments={"rounded": True},
    cites=("doi:10.1117/1.3267105",),
    direction="lower",
    range=(0.0, inf),
    colour="gray",
    variant=f"{_VARIANT}; luminance rounded to 256 levels, as the authors' code is given it",
    formula="HI^a · LO^(1-a), a = 1 / (1 + e^(-2.55/3.35) · HI^(1 / (3.35 ln 10)))",
    min_size=34,
    known_failures={"direction": _HIDDEN, "any-direction": _HIDDEN},
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_MAD]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    loss = _MAD.as_loss(
        arguments={"rounded": False},
        variant=f"{_VARIANT}; luminance not rounded",
        known_failures={**_MAD.known_failures, "gradient-flows": _HIDDEN},
    )
    return [loss]
