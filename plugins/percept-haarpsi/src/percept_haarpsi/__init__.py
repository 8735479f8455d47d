"""Offers `haarpsi`, in both lives."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_FORMULA = "(l⁻¹(Σ w·l(s) / Σ w))², l(s) = 1 / (1 + exp(-4.2·s)), s the similarities of Haar coefficients, I and Q"

_HAARPSI = AssessorSpec(
    name="haarpsi",
    summary="Haar wavelet-based perceptual similarity index",
    target="percept_haarpsi.haarpsi:HaarPSI",
    cites=("doi:10.1016/j.image.2017.11.001", "arXiv:1607.06140"),
    direction="higher",
    range=(0.0, 1.0),
    colour="yiq",
    variant="YIQ in 0–255, not rounded; 2×2 means at every other pixel, zeros beyond borders; three scales, C = 30, "
    "α = 4.2, as the authors' code",
    formula=_FORMULA,
    symmetric=True,
    min_size=2,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_HAARPSI]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [_HAARPSI.as_loss(formula=f"1 − {_FORMULA}")]
