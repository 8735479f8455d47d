"""Offers `vif`, of wavelets, and `vif-pixel`, each in both lives."""

from __future__ import annotations

from typing import Any

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_ROUNDED = "luminance rounded to 256 levels, as the authors' code is given it"
_FLOAT = "luminance not rounded"
_FOUR = "4 scales"
_FIT = "as many of 4 scales as the patch holds, 3 for 64 pixels, 4 from 65"
_CITES = ("doi:10.1109/TIP.2005.859378",)
_BEYOND_ONE = {
    "any-identical": "information grows with contrast, so that an image of a little more contrast than its reference, "
    "or a noisy one of a reference almost without texture, exceeds 1: equation 26 has no upper bound"
}

_VIF = AssessorSpec(
    name="vif",
    summary="Visual information fidelity of luminance, in the wavelet domain",
    target="percept_vif.vif:VIF",
    arguments={"rounded": True},
    cites=_CITES,
    direction="higher",
    range=(0.0, float("inf")),
    colour="gray",
    variant=f"grey levels 0–255; steerable pyramid sp5, {_FOUR}, horizontal and vertical subband, mirrored borders; "
    f"3×3 blocks, windows of 17, 9, 5, 3 pixels, visual noise .4; {_ROUNDED}",
    formula="Σ log(1 + g²s²λ / (v + .4)) / Σ log(1 + s²λ / .4), sums over subbands, blocks and the eigenvalues λ of C",
    min_size=72,
    known_failures=_BEYOND_ONE,
)

_VIF_PIXEL = AssessorSpec(
    name="vif-pixel",
    summary="Visual information fidelity of luminance, in the pixel domain",
    target="percept_vif.vif_pixel:VIFPixel",
    arguments={"rounded": True},
    cites=_CITES,
    direction="higher",
    range=(0.0, float("inf")),
    colour="gray",
    variant=f"grey levels 0–255; 4 scales, Gaussian windows of 17, 9, 5, 3 pixels, σ a fifth, valid positions only, "
    f"visual noise 2; {_ROUNDED}",
    formula="Σ log(1 + g²σx² / (v + 2)) / Σ log(1 + σx² / 2), sums over scales and pixels",
    min_size=41,
)


def _as_loss(spec: AssessorSpec, variant: str, **changes: Any) -> FidelityLossSpec:
    facts = {"arguments": {"rounded": False}, "known_failures": _BEYOND_ONE, **changes}
    variant = variant.replace(_ROUNDED, _FLOAT)
    return spec.as_loss(range=(float("-inf"), 1.0), formula=f"1 − {spec.formula}", variant=variant, **facts)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_VIF, _VIF_PIXEL]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    fit = {"arguments": {"rounded": False, "scales": "fit"}, "min_size": 21}
    return [
        _as_loss(_VIF, _VIF.variant.replace(_FOUR, _FIT), **fit),
        _as_loss(_VIF_PIXEL, _VIF_PIXEL.variant),
    ]
