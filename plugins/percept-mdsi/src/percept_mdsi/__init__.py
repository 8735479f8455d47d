"""Offers `mdsi`, in both lives."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_MDSI = AssessorSpec(
    name="mdsi",
    summary="Mean deviation similarity index of gradients and colour",
    target="percept_mdsi.mdsi:MDSI",
    cites=("doi:10.1109/ACCESS.2016.2604042", "arXiv:1608.07433"),
    direction="lower",
    range=(0.0, 1.0),
    colour="rgb",
    variant="L, H, M of RGB in 0–255, not rounded; f×f means at every f-th pixel, f = max(1, round(min(H, W) / 256)); "
    "Prewitt/3, zero border; C 140, 55, 550; sum, α = .6; complex quarter powers; mean absolute deviation, q = o = 1/4",
    formula="mad(GCS^¼)^¼, GCS = .6·(GS(x, y) + GS(y, f) - GS(x, f)) + .4·CS, x the reference, f = (x + y) / 2",
    min_size=3,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_MDSI]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [_MDSI.as_loss()]
