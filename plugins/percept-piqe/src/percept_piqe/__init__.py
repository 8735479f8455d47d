"""Offers the assessor `piqe`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [
        AssessorSpec(
            name="piqe",
            summary="PIQE: how many of an image's active blocks show artefacts or noise",
            target="percept_piqe.piqe:PIQE",
            cites=("doi:10.1109/NCC.2015.7084843",),
            reference="none",
            direction="lower",
            range=(0.0, 100.0),
            differentiable=False,
            colour="gray",
            variant="MATLAB's built-in: blocks of 16, sides completed by repeating the border, gray rounded to 256"
            " levels, float64, deviations below 1e-9 are zero",
            formula="100 (1 + Σ [artefact](1 - v) + [noise] v) / (1 + K) over the K blocks of variance v > 0.1",
        )
    ]
