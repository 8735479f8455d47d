"""Offers the losses `l1`, `l2` and `charbonnier`, and the assessors `psnr` and `psnr-y`."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_CAP = "at most 100 dB (equal images: the formula gives +inf); no border cropped; not quantised"


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [
        FidelityLossSpec(
            name="l1",
            summary="Mean absolute error",
            target="percept_pixel.losses:L1",
            cites=("arXiv:1511.08861",),
            range=(0.0, inf),
            variant="mean over pixels and channels",
            formula="mean(|x - y|)",
            symmetric=True,
        ),
        FidelityLossSpec(
            name="l2",
            summary="Mean squared error",
            target="percept_pixel.losses:L2",
            cites=("arXiv:1511.08861",),
            range=(0.0, inf),
            variant="mean over pixels and channels",
            formula="mean((x - y)²)",
            symmetric=True,
        ),
        FidelityLossSpec(
            name="charbonnier",
            summary="Charbonnier loss: an absolute error that is smooth at 0",
            target="percept_pixel.losses:Charbonnier",
            cites=("doi:10.1109/ICIP.1994.413553", "arXiv:1704.03915"),
            range=(0.0, inf),
            variant="eps = 1e-3, which is its lowest value; mean over pixels and channels",
            formula="mean(√((x - y)² + eps²))",
            symmetric=True,
        ),
    ]


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [
        AssessorSpec(
            name="psnr",
            summary="Peak signal-to-noise ratio of RGB, dB",
            target="percept_pixel.psnr:PSNR",
            arguments={"colour": "rgb"},
            cites=("doi:10.1049/el:20080522",),
            direction="higher",
            range=(0.0, 100.0),
            variant=f"peak 1 on [0, 1], one mean over all three channels; {_CAP}",
            formula="10·log₁₀(1 / mean((x - y)²))",
            symmetric=True,
        ),
        AssessorSpec(
            name="psnr-y",
            summary="Peak signal-to-noise ratio of BT.601 luma, dB",
            target="percept_pixel.psnr:PSNR",
            arguments={"colour": "luma"},
            cites=("doi:10.1049/el:20080522",),
            direction="higher",
            range=(0.0, 100.0),
            colour="luma",
            variant=f"Y of MATLAB's rgb2ycbcr, 16–235, not rounded, against a peak of 255; {_CAP}",
            formula="10·log₁₀(255² / mean((Y(x) - Y(y))²)), Y = 16 + 65.481·R + 128.553·G + 24.966·B",
            symmetric=True,
        ),
    ]
