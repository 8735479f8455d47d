"""Offers `cnniqa` in both lives."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec, Weights

_PATCHES = (
    "Y = .299 R + .587 G + .114 B in [0, 1], patches of 32×32 from the top left, each normalised by itself: "
    "3×3 means, C = 1, borders repeated; no dropout; the network of `weights`"
)

_CNNIQA = AssessorSpec(
    name="cnniqa",
    summary="CNNIQA: a convolutional network's mean rating of an image's patches, without a reference",
    target="percept_cnniqa.cnniqa:CNNIQA",
    cites=("doi:10.1109/CVPR.2014.224",),
    weights=(
        Weights(
            url="https://raw.githubusercontent.com/lidq92/CNNIQA/fb36830fc6491ef8db2dc651aaad94cdbee131fa/models/CNNIQA-LIVE",
            sha256="79cc404d0da3e76e51b6680c4d6edd7332399ba7ed8af3306bdd16e95c7bda7e",
            bytes=2900940,
            licence="none stated",
            commercial=False,
        ),
    ),
    reference="none",
    direction="lower",
    range=(-inf, inf),
    colour="gray",
    variant=f"{_PATCHES}; Y rounded to 256 levels",
    formula="mean over patches of fc(max, min over places of conv₇ₓ₇((x - μ) / (σ + 1)))",
    min_size=32,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_CNNIQA]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [_CNNIQA.as_loss(arguments={"rounded": False}, variant=f"{_PATCHES}; Y not rounded")]
