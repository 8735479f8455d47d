"""Offers the generator `edsr`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="edsr",
            summary="EDSR: residual blocks without batch normalisation, then sub-pixel upsampling",
            target="percept_edsr.edsr:EDSR",
            cites=("arXiv:1707.02921",),
            task="super-resolution",
            scales=(2, 3, 4),
        )
    ]
