"""Offers `l1`, `l2`, `psnr`, `psnr-y` and `psnr-hvs-m`, all in both lives, and the loss `charbonnier`."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_CAP = "at most 100 dB (equal images: the formula gives +inf); no border cropped; not quantised"
_BLOCKS = "8×8 blocks from the first row and column, step 8; grey levels 0–255 against a peak of 255"
_HVS_M_CAP = "at most 100 dB (invisible differences: the authors' code gives 100000)"

_PSNR_HVS_M = AssessorSpec(
    name="psnr-hvs-m",
    summary="Peak signal-to-noise ratio of visible differences of DCT coefficients, dB",
    target="percept_pixel.psnr_hvs_m:PSNRHVSM",
    cites=("Ponomarenko et al., On between-coefficient contrast masking of DCT basis functions, VPQM 2007",),
    arguments={"rounded": True},
    direction="higher",
    range=(-8.3, 100.0),
    colour="gray",
    variant=f"{_BLOCKS}; {_HVS_M_CAP}; luminance rounded to 256 levels, as the authors' code is given it",
    formula="10·log₁₀(255² / mean((CSF·max(0, |X - Y| - E/M))²)), X, Y coefficients, E the larger masking, M its table",
    symmetric=True,
    min_size=8,
)

_L1 = AssessorSpec(
    name="l1",
    summary="Mean absolute error",
    target="percept_pixel.losses:L1",
    cites=("arXiv:1511.08861",),
    direction="lower",
    range=(0.0, inf),
    variant="on [0, 1], mean over pixels and channels",
    formula="mean(|x - y|)",
    symmetric=True,
)
_L2 = AssessorSpec(
    name="l2",
    summary="Mean squared error",
    target="percept_pixel.losses:L2",
    cites=("arXiv:1511.08861",),
    direction="lower",
    range=(0.0, inf),
    variant="on [0, 1], mean over pixels and channels",
    formula="mean((x - y)²)",
    symmetric=True,
)
_PSNR = AssessorSpec(
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
)
_PSNR_Y = AssessorSpec(
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
)
_CHARBONNIER = FidelityLossSpec(
    name="charbonnier",
    summary="Charbonnier loss: an absolute error that is smooth at 0",
    target="percept_pixel.losses:Charbonnier",
    cites=("doi:10.1109/ICIP.1994.413553", "arXiv:1704.03915"),
    range=(0.0, inf),
    variant="eps = 1e-3, which is its lowest value; mean over pixels and channels",
    formula="mean(√((x - y)² + eps²))",
    symmetric=True,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_L1, _L2, _PSNR, _PSNR_Y, _PSNR_HVS_M]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [
        _L1.as_loss(),
        _L2.as_loss(),
        _CHARBONNIER,
        _PSNR.as_loss(formula=f"100 − {_PSNR.formula}"),
        _PSNR_Y.as_loss(formula=f"100 − {_PSNR_Y.formula}"),
        _PSNR_HVS_M.as_loss(
            arguments={"rounded": False},
            range=(0.0, 108.3),
            variant=f"{_BLOCKS}; {_HVS_M_CAP}; luminance not rounded",
            formula=f"100 − {_PSNR_HVS_M.formula}",
        ),
    ]
