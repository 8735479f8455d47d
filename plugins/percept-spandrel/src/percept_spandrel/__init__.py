"""Offers the generator `spandrel`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="spandrel",
            summary="Any restoration network that spandrel knows: untrained, or with the weights of a file",
            target="percept_spandrel.generator:SpandrelGenerator",
            licence="Apache-2.0; the architectures are third-party: MIT, Apache-2.0, BSD-3, CC0-1.0 or CC-BY-SA-4.0",
            task="restoration",
            scales=(1, 2, 3, 4, 8),
        )
    ]
