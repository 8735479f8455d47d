"""Offers the generator `rrdb`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="rrdb",
            summary="RRDBNet of ESRGAN and Real-ESRGAN: residual-in-residual dense blocks",
            target="percept_rrdb.rrdb:RRDBNet",
            cites=("arXiv:1809.00219", "arXiv:2107.10833"),
            task="super-resolution",
            scales=(1, 2, 4),
        )
    ]
