"""Offers `fsim`, `fsimc` and `vsi`, each in both lives."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_SIZE = "means over F×F pixels at every F-th, F = the shorter side / 256, rounded; Scharr/16, zero border"
_FSIM_VARIANT = f"grey levels 0–255, not rounded; {_SIZE}; Kovesi's phase congruency, 4 scales, 4 orientations"
_FSIM_FORMULA = "ΣS·max(PCx, PCy) / Σmax(PCx, PCy), S = s(PC, .85)·s(|∇Y|, 160)"
_SIMILARITY = "s(a, c) = (2·ax·ay + c) / (ax² + ay² + c)"

_FSIM = AssessorSpec(
    name="fsim",
    summary="Feature similarity: phase congruency and gradient magnitude of luminance",
    target="percept_fsim.fsim:FSIM",
    cites=("doi:10.1109/TIP.2011.2109730",),
    direction="higher",
    range=(0.0, 1.0),
    colour="yiq (Y only)",
    variant=_FSIM_VARIANT,
    formula=f"{_FSIM_FORMULA}, {_SIMILARITY}",
    symmetric=True,
    min_size=8,
)
_FSIMC = AssessorSpec(
    name="fsimc",
    summary="Feature similarity with chrominance: FSIM, and similarity of I and Q",
    target="percept_fsim.fsim:FSIM",
    arguments={"chroma": True},
    cites=("doi:10.1109/TIP.2011.2109730",),
    direction="higher",
    range=(0.0, 1.0),
    colour="yiq",
    variant=_FSIM_VARIANT,
    formula=f"{_FSIM_FORMULA}·Re((s(I, 200)·s(Q, 200))^.03), {_SIMILARITY}",
    symmetric=True,
    min_size=8,
)
_VSI = AssessorSpec(
    name="vsi",
    summary="Visual saliency-induced index: saliency, gradient magnitude and chrominance",
    target="percept_fsim.vsi:VSI",
    cites=("doi:10.1109/TIP.2014.2346028",),
    direction="higher",
    range=(0.0, 1.0),
    colour="lmn",
    variant=f"values 0–255, not rounded; {_SIZE}; SDSP saliency of the image resized to 256×256 as by MATLAB",
    formula=(
        "ΣS·max(VSx, VSy) / Σmax(VSx, VSy), "
        f"S = s(VS, 1.27)·s(|∇L|, 386)^.4·Re((s(M, 130)·s(N, 130))^.02), {_SIMILARITY}"
    ),
    symmetric=True,
    min_size=8,
)
_ALL = (_FSIM, _FSIMC, _VSI)
_TAMED = "bases of the chromatic power count as 1e-3 or more, so that no single pixel dominates the gradient"


def _as_loss(spec: AssessorSpec) -> FidelityLossSpec:
    formula = f"1 - {spec.formula}"
    if spec is _FSIM:
        return spec.as_loss(formula=formula)
    return spec.as_loss(
        formula=formula, arguments={**spec.arguments, "floor": 1e-3}, variant=f"{spec.variant}; {_TAMED}"
    )


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return list(_ALL)


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [_as_loss(spec) for spec in _ALL]
