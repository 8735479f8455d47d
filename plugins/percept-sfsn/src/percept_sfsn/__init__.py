"""Offers `sfsn`, in both lives."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec

_SPLIT = "min(H, W) square by imresize, low: cosines i + j < s - 1 - round(s / 2)"
_FIVE = "5 scales"
_FIT = "as many of 5 scales as the patch holds, 3 for 64 pixels"
_ROUNDED = "luminance, low and high frequencies rounded to 256 levels"
_FLOAT = "not rounded, linear histogram"
_FORMULA = (
    "1.9 ∏ⱼ mean(csⱼ(low))^wⱼ + 0.1 H(high), cs₅ = (σxy + C2) / (σxσy + C2), "
    "w = .0448 .2856 .3001 .2363 .1333, H in bits"
)
_NOISE_IS_NATURAL = "naturalness, a tenth of the score, does not look at the reference and rises with faint noise"

_SFSN = AssessorSpec(
    name="sfsn",
    summary="Structural fidelity of low, statistical naturalness of high frequencies, for super-resolution",
    target="percept_sfsn.sfsn:SFSN",
    arguments={"rounded": True},
    cites=("doi:10.1109/QoMEX51781.2021.9465479", "arXiv:2105.07139"),
    direction="higher",
    range=(0.0, 2.7),
    colour="gray",
    variant=f"{_SPLIT}; 11×11 Gaussian window, σ 1.5, {_FIVE}; naturalness in bits, not normalised; {_ROUNDED}",
    formula=_FORMULA,
    min_size=176,
    known_failures={
        "direction": _NOISE_IS_NATURAL,
        "any-direction": _NOISE_IS_NATURAL,
        "any-identical": _NOISE_IS_NATURAL,
    },
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_SFSN]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    return [
        _SFSN.as_loss(
            arguments={"rounded": False, "scales": "fit"},
            variant=_SFSN.variant.replace(_FIVE, _FIT).replace(_ROUNDED, _FLOAT),
            formula=f"2.7 − ({_FORMULA})",
            min_size=11,
        )
    ]
