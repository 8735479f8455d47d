"""Offers the generator `pixels`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="pixels",
            summary="The image itself: a metric's gradient moves its pixels, and no network stands between",
            target="percept_pixels.pixels:Pixels",
            cites=("doi:10.1007/s11263-020-01419-7", "arXiv:2005.01338"),
            task="restoration",
            scales=(1,),
            per_image=True,
        )
    ]
