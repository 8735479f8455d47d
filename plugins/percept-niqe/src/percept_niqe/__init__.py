"""Offers the assessor `niqe`."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [
        AssessorSpec(
            name="niqe",
            summary="NIQE: how far an image's local statistics are from those of pristine photographs",
            target="percept_niqe.niqe:NIQE",
            cites=("doi:10.1109/LSP.2012.2227726",),
            reference="none",
            direction="lower",
            range=(0.0, inf),
            differentiable=False,
            colour="gray",
            variant="blocks of 96 from the top left, two scales (MATLAB's imresize), gray rounded to 256 levels,"
            " float64, deviations below 1e-9 are zero; pristine model fitted on Kodak24 unless `model` names another",
            formula="sqrt((m - m0)' pinv((C + C0) / 2) (m - m0)) of 36 features' means and covariances",
            min_size=192,
        )
    ]
