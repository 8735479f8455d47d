"""Offers the generator `dncnn`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="dncnn",
            summary="DnCNN: convolutions with batch normalisation that predict the noise",
            target="percept_dncnn.dncnn:DnCNN",
            cites=("arXiv:1608.03981",),
            task="denoising",
            scales=(1,),
        )
    ]
