"""Offers the degradations `bicubic`, `gaussian-noise` and `jpeg`, and the generator `bicubic`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DegradationSpec, GeneratorSpec

KEYS = "doi:10.1109/TASSP.1981.1163711"


@hookimpl
def percept_degradations() -> list[DegradationSpec]:
    return [
        DegradationSpec(
            name="bicubic",
            summary="Antialiased bicubic downscaling in 8-bit levels, equal to MATLAB's imresize of uint8 images",
            target="percept_degradations.degrade:Bicubic",
            cites=(KEYS,),
            resizes=True,
        ),
        DegradationSpec(
            name="gaussian-noise",
            summary="Additive white Gaussian noise; sigma in grey levels of 255, not clamped unless asked",
            target="percept_degradations.degrade:GaussianNoise",
            cites=("arXiv:1608.03981",),
            stochastic=True,
        ),
        DegradationSpec(
            name="jpeg",
            summary="Baseline JPEG by libjpeg, 4:2:0 unless asked otherwise; no gradients",
            target="percept_degradations.degrade:Jpeg",
            cites=("doi:10.1109/30.125072",),
        ),
    ]


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="bicubic",
            summary="Bicubic enlargement as MATLAB's imresize does it: the baseline, nothing to train",
            target="percept_degradations.generator:Bicubic",
            cites=(KEYS,),
            task="super-resolution",
            scales=(1, 2, 3, 4, 8),
            trainable=False,
        )
    ]
