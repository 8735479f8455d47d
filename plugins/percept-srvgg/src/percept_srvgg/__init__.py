"""Offers the generator `srvgg`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="srvgg",
            summary="SRVGG: a plain stack of convolutions that adds to the input's nearest pixels, from Real-ESRGAN",
            target="percept_srvgg.srvgg:SRVGG",
            cites=("arXiv:2107.10833",),
            task="super-resolution",
            scales=(1, 2, 3, 4),
        )
    ]
