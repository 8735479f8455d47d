"""Offers the discriminator `patch`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DiscriminatorSpec


@hookimpl
def percept_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="patch",
            summary="70×70 PatchGAN with spectral normalisation: one logit for each overlapping patch",
            target="percept_patchgan.patch:PatchDiscriminator",
            cites=("arXiv:1611.07004", "arXiv:1802.05957"),
            output="patch",
            min_size=24,
        )
    ]
