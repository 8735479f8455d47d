"""Offers the assessor `brisque`."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, Weights


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [
        AssessorSpec(
            name="brisque",
            summary="BRISQUE: local statistics of an image, judged by a support vector machine trained on human scores",
            target="percept_brisque.brisque:BRISQUE",
            cites=("doi:10.1109/TIP.2012.2214050",),
            weights=(
                Weights(
                    url="https://raw.githubusercontent.com/gregfreeman/image_quality_toolbox/39c5b35fffbe69f5be0e8c28d5acb3c2960f503a/%2Bbrisque/allmodel",
                    sha256="8b04d6045f1b27261610c8ab1730fdcc14ec80bfab0f1ab5f703bbc2927314de",
                    bytes=353497,
                    licence="free to use, copy and modify with its notice (LIVE, University of Texas at Austin)",
                    commercial=True,
                ),
            ),
            reference="none",
            direction="lower",
            range=(-inf, inf),
            differentiable=False,
            colour="gray",
            variant="two scales (MATLAB's imresize), zeros beyond borders, gray rounded to 256 levels, float64,"
            " deviations below 1e-9 are zero; features rounded to the digits of the authors' text files; the support"
            " vectors of `model`",
            formula="sum_i c_i exp(-γ |f - s_i|²) - ρ of 36 features f, scaled to [-1, 1]",
            min_size=14,
        )
    ]
