"""Offers the generator `rfdn`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="rfdn",
            summary="RFDN: blocks that distil features by 1×1 convolutions, residual inside, and attend to places",
            target="percept_rfdn.rfdn:RFDN",
            cites=("arXiv:2009.11551",),
            task="super-resolution",
            scales=(2, 3, 4),
        )
    ]
