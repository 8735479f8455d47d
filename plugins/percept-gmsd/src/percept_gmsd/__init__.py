"""Offers `gmsd` and `ms-gmsd`, each in both lives."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_VARIANT = "grey levels 0–255, 2×2 means at every other pixel, Prewitt/3, zero border, c = 170, deviation with n - 1"

_GMSD = AssessorSpec(
    name="gmsd",
    summary="Gradient magnitude similarity deviation of luminance",
    target="percept_gmsd.gmsd:GMSD",
    arguments={"rounded": True},
    cites=("doi:10.1109/TIP.2013.2293423", "arXiv:1308.3052"),
    direction="lower",
    range=(0.0, 0.6),
    colour="gray",
    variant=f"{_VARIANT}; luminance rounded to 256 levels, as the authors' code is given it",
    formula="std((2|∇x||∇y| + c) / (|∇x|² + |∇y|² + c))",
    symmetric=True,
    min_size=6,
)

_MS_GMSD = AssessorSpec(
    name="ms-gmsd",
    summary="Gradient magnitude similarity deviation of luminance on four scales",
    target="percept_gmsd.ms_gmsd:MSGMSD",
    cites=("doi:10.1109/ICASSP.2017.7952357",),
    direction="lower",
    range=(0.0, 0.6),
    colour="gray",
    variant="Y of YIQ in grey levels 0–255, not rounded; scales 1, 1/2, 1/4, 1/8 by 2×2 means; Prewitt/3, zero border, "
    "c = 170, masking α = .5, deviation with n",
    formula="√Σⱼ wⱼ·var(((2 - α)|∇x||∇y| + c) / (|∇x|² + |∇y|² - α|∇x||∇y| + c)), w = .096 .596 .289 .019",
    symmetric=True,
    min_size=17,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_GMSD, _MS_GMSD]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [
        _GMSD.as_loss(arguments={"rounded": False}, variant=f"{_VARIANT}; luminance not rounded"),
        _MS_GMSD.as_loss(),
    ]
