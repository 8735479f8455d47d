"""Offers the generator `imdn`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="imdn",
            summary="IMDN: blocks that set a quarter of their channels aside at each step, and attend to contrast",
            target="percept_imdn.imdn:IMDN",
            cites=("arXiv:1909.11856",),
            task="super-resolution",
            scales=(2, 3, 4),
        )
    ]
