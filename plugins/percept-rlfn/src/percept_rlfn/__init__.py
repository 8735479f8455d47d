"""Offers the generator `rlfn`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="rlfn",
            summary="RLFN: residual blocks of three convolutions and a light attention to places, made to be fast",
            target="percept_rlfn.rlfn:RLFN",
            cites=("arXiv:2205.07514",),
            task="super-resolution",
            scales=(2, 3, 4),
        )
    ]
