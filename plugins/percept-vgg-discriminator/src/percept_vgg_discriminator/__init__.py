"""Offers the discriminator `vanilla`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DiscriminatorSpec


@hookimpl
def percept_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="vanilla",
            summary="VGG-style network of SRGAN and ESRGAN with fully connected layers: one logit an image",
            target="percept_vgg_discriminator.vanilla:VGGDiscriminator",
            cites=("arXiv:1609.04802", "arXiv:1809.00219"),
            output="image",
            min_size=32,
        )
    ]
