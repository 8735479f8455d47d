"""Offers `ssim`, `ms-ssim`, `cw-ssim`, `iw-ssim` of luminance, `ssim-rgb`, `ms-ssim-rgb` of channels, in both lives."""

from __future__ import annotations

from typing import Any

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_COMMON = "11×11 Gaussian window, σ 1.5, valid positions only, K1 .01, K2 .03"
_SSIM = f"{_COMMON}; no automatic downsampling, unless downsample=true"
_SCALES = "5 scales, 2×2 means"
_SUM = "weighted sum, whose values the authors publish; pooling=product is the paper's"
_PRODUCT = "product; a mean below 1e-4 is continued as a small positive value"
_ROUNDED = "luminance rounded to 256 levels, as the authors' code is given it"
_FLOAT = "luminance not rounded"
_CHANNELS = "mean of the values of R, G and B; not rounded"
_SSIM_FORMULA = "mean((2μxμy + C1)(2σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)))"
_WEIGHTS = "w = .0448 .2856 .3001 .2363 .1333"
_SUM_FORMULA = f"(w₅·mean(SSIM₅) + Σⱼ₌₁…₄ wⱼ·mean((2σxy + C2) / (σx² + σy² + C2))) / Σw, {_WEIGHTS}"
_PRODUCT_FORMULA = f"mean(SSIM₅)^w₅ · ∏ⱼ₌₁…₄ mean((2σxy + C2) / (σx² + σy² + C2))^wⱼ, {_WEIGHTS}"

_CW_FORMULA = "mean over bands of Σw·2|Σcx·cy*| / Σ(|cx|² + |cy|²)"
_CW = (
    "complex steerable pyramid, level 4, 8 orientations, K 0, 7×7 window; Gaussian weights, σ a quarter of the "
    "band's height; 1 where both images have nothing"
)
_IW_FORMULA = f"(mean(SSIM₅)^w₅ · ∏ⱼ₌₁…₄ (Σ iⱼ·csⱼ / Σ iⱼ)^wⱼ)^(1/Σw), cs = (2σxy + C2) / (σx² + σy² + C2), {_WEIGHTS}"
_IW = (
    f"{_COMMON}; Laplacian pyramid, 5 scales; weights i: 3×3 neighbourhoods and parent, σn² .4; a mean below 1e-4 is "
    "continued as a small positive value"
)


def _ssim(name: str, summary: str, colour: str, variant: str, *, rounded: bool) -> AssessorSpec:
    return AssessorSpec(
        name=name,
        summary=summary,
        target="percept_ssim.ssim:SSIM",
        arguments={"colour": colour, "rounded": rounded},
        cites=("doi:10.1109/TIP.2003.819861",),
        direction="higher",
        range=(-1.0, 1.0),
        colour=colour,
        variant=f"{_SSIM}; {variant}",
        formula=_SSIM_FORMULA,
        symmetric=True,
        min_size=11,
    )


def _ms_ssim(name: str, summary: str, colour: str, variant: str, *, rounded: bool, pooling: str) -> AssessorSpec:
    product = pooling == "product"
    return AssessorSpec(
        name=name,
        summary=summary,
        target="percept_ssim.ms_ssim:MSSSIM",
        arguments={"colour": colour, "rounded": rounded, "pooling": pooling},
        cites=("doi:10.1109/ACSSC.2003.1292216",),
        direction="higher",
        range=(0.0 if product else -1.0, 1.0),
        colour=colour,
        variant=f"{_COMMON}; {_SCALES}; {_PRODUCT if product else _SUM}; {variant}",
        formula=_PRODUCT_FORMULA if product else _SUM_FORMULA,
        symmetric=True,
        min_size=161,
    )


def _of_luminance(name: str, summary: str, target: str, **facts: Any) -> AssessorSpec:
    return AssessorSpec(
        name=name,
        summary=summary,
        target=target,
        arguments={"rounded": True},
        direction="higher",
        range=(0.0, 1.0),
        colour="gray",
        **facts,
    )


def _as_loss(spec: AssessorSpec) -> FidelityLossSpec:
    """Unrounded; MS-SSIM and IW-SSIM take patches that do not hold five scales, as training needs them."""
    arguments = {**spec.arguments, "rounded": False}
    variant = spec.variant.replace(_ROUNDED, _FLOAT)
    least = spec.min_size
    if spec.target.endswith(("MSSSIM", "IWSSIM")):
        arguments["scales"], least = "fit", 11
        variant = variant.replace("5 scales", "as many of 5 scales as the patch holds, 3 for 64 pixels")
    return spec.as_loss(
        arguments=arguments,
        range=(0.0, 1.0 - spec.range[0]),
        variant=variant,
        formula=f"1 − {spec.formula}",
        min_size=least,
    )


_ASSESSORS = (
    _ssim("ssim", "Structural similarity of luminance", "gray", _ROUNDED, rounded=True),
    _ssim("ssim-rgb", "Structural similarity, mean over R, G and B", "rgb", _CHANNELS, rounded=False),
    _ms_ssim(
        "ms-ssim", "Multi-scale structural similarity of luminance", "gray", _ROUNDED, rounded=True, pooling="sum"
    ),
    _ms_ssim(
        "ms-ssim-rgb",
        "Multi-scale structural similarity, mean over R, G and B",
        "rgb",
        _CHANNELS,
        rounded=False,
        pooling="product",
    ),
    _of_luminance(
        "cw-ssim",
        "Complex-wavelet structural similarity of luminance, which forgives small shifts",
        "percept_ssim.cw_ssim:CWSSIM",
        cites=("doi:10.1109/TIP.2009.2025923",),
        variant=f"{_CW}; {_ROUNDED}",
        formula=_CW_FORMULA,
        symmetric=True,
        min_size=64,
    ),
    _of_luminance(
        "iw-ssim",
        "Information content weighted structural similarity of luminance",
        "percept_ssim.iw_ssim:IWSSIM",
        cites=("doi:10.1109/TIP.2010.2092435",),
        variant=f"{_IW}; {_ROUNDED}",
        formula=_IW_FORMULA,
        min_size=176,
    ),
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return list(_ASSESSORS)


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [_as_loss(spec) for spec in _ASSESSORS]
