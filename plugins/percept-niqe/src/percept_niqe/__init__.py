"""Offers `niqe` in both lives, and the assessor `il-niqe`."""

from __future__ import annotations

from math import inf

from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, FidelityLossSpec, Weights

_BLOCKS = "blocks of 96 from the top left, two scales (MATLAB's imresize)"
_MODEL = "float64, deviations below 1e-9 are zero; pristine model fitted on Kodak24 unless `model` names another"

_NIQE = AssessorSpec(
    name="niqe",
    summary="NIQE: how far an image's local statistics are from those of pristine photographs",
    target="percept_niqe.niqe:NIQE",
    cites=("doi:10.1109/LSP.2012.2227726",),
    reference="none",
    direction="lower",
    range=(0.0, inf),
    colour="gray",
    variant=f"{_BLOCKS}, gray rounded to 256 levels, {_MODEL}",
    formula="sqrt((m - m0)' pinv((C + C0) / 2) (m - m0)) of 36 features' means and covariances",
    min_size=192,
)

_IL_NIQE = AssessorSpec(
    name="il-niqe",
    summary="IL-NIQE: NIQE with gradients, colours and log-Gabor responses, in principal axes",
    target="percept_niqe.il_niqe:ILNIQE",
    cites=("doi:10.1109/TIP.2015.2426416",),
    weights=(
        Weights(
            url="https://raw.githubusercontent.com/IceClear/IL-NIQE/57e9dfa2378a316e7e0eba3a9cfb5e91d1ece491/templateModel.mat",
            sha256="14f4919a630498d732bbf11837d894d45a57f89c9ed84bea98851147290ce93c",
            bytes=2764281,
            licence="Apache-2.0",
            commercial=True,
        ),
    ),
    reference="none",
    direction="lower",
    range=(0.0, inf),
    differentiable=False,
    variant="resized to 524×524 (MATLAB's imresize of uint8), blocks of 84 from the top left, two scales,"
    " float64, normalised values below 1e-9 are zero; the pristine model of `model`",
    formula="mean over blocks of sqrt((f - m0)' inv((C + C0) / 2) (f - m0)), 468 features f in principal axes",
    min_size=16,
)


@hookimpl
def percept_assessors() -> list[AssessorSpec]:
    return [_NIQE, _IL_NIQE]


@hookimpl
def percept_fidelity_losses() -> list[FidelityLossSpec]:
    variant = f"{_BLOCKS}, neither gray nor shapes rounded, {_MODEL}"
    return [_NIQE.as_loss(arguments={"rounded": False}, variant=variant)]
