"""Offers the generators `swinir`, `swinir-light` and `swinir-real`."""

from __future__ import annotations

from typing import Any

from percept.hookspecs import hookimpl
from percept.specs import GeneratorSpec


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    light = {"channels": 60, "depths": (6, 6, 6, 6), "upsampler": "pixelshuffledirect"}
    return [
        _spec("swinir", "SwinIR of medium size: shifted-window attention, then sub-pixel upsampling", (2, 3, 4, 8), {}),
        _spec("swinir-light", "SwinIR, lightweight: a third as wide, upsampled in one step", (2, 3, 4), light),
        _spec(
            "swinir-real",
            "SwinIR for real-world images: upsampled by nearest neighbours and convolutions",
            (2, 4),
            {"upsampler": "nearest+conv"},
        ),
    ]


def _spec(name: str, summary: str, scales: tuple[int, ...], arguments: dict[str, Any]) -> GeneratorSpec:
    return GeneratorSpec(
        name=name,
        summary=summary,
        target="percept_swinir.swinir:SwinIR",
        arguments=arguments,
        cites=("arXiv:2108.10257",),
        task="super-resolution",
        scales=scales,
    )
