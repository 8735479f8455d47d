"""Offers the discriminator `pixel`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DiscriminatorSpec


@hookimpl
def percept_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="pixel",
            summary="U-Net of Real-ESRGAN with spectral normalisation: one logit a pixel",
            target="percept_unet_discriminator.pixel:UNetDiscriminator",
            cites=("arXiv:2107.10833", "arXiv:2002.12655", "arXiv:1802.05957"),
            output="pixel",
            min_size=8,
        )
    ]
