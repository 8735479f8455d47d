"""Offers the assessor `entropy`, and `total-variation` in both lives."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_ENTROPY = AssessorSpec(
    name="entropy",
    summary="Entropy of the gray levels, bits a pixel",
    target="percept_statistics.entropy:Entropy",
    cites=("doi:10.1002/j.1538-7305.1948.tb01338.x",),
    reference="none",
    direction="higher",
    range=(0.0, 8.0),
    differentiable=False,
    colour="gray",
    variant="MATLAB's entropy of rgb2gray: 256 levels",
    formula="-Σ p log2 p over the shares p of 256 gray levels",
)
_VARIATION = AssessorSpec(
    name="total-variation",
    summary="Total variation: how much neighbouring pixels differ",
    target="percept_statistics.total_variation:TotalVariation",
    arguments={"norm": "l1", "mean": False},
    cites=("doi:10.1016/0167-2789(92)90242-F",),
    reference="none",
    direction="lower",
    range=(0.0, inf),
    variant="sum over pixels and channels of absolute differences in both directions; norm=isotropic, l2 are others",
    formula="Σ |x[i+1, j] - x[i, j]| + |x[i, j+1] - x[i, j]|",
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_ENTROPY, _VARIATION]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [
        _VARIATION.as_loss(
            arguments={"norm": "l1", "mean": True},
            range=(0.0, 2.0),
            variant="absolute differences in both directions over the number of values; norm=isotropic, l2 are others",
            formula="Σ (|x[i+1, j] - x[i, j]| + |x[i, j+1] - x[i, j]|) / (3HW)",
        )
    ]
