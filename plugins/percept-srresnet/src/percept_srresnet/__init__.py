"""Offers the generator `srresnet`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="srresnet",
            summary="SRResNet, the generator of SRGAN: residual blocks with batch normalisation, sub-pixel upsampling",
            target="percept_srresnet.srresnet:SRResNet",
            cites=("arXiv:1609.04802",),
            task="super-resolution",
            scales=(2, 3, 4),
        )
    ]
