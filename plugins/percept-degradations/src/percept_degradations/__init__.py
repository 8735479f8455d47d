"""Offers degradations from `bicubic` to `white-noise`, ladders of them, and the generators `bicubic` and `identity`."""

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
        DegradationSpec(
            name="gaussian-blur",
            summary="Gaussian blur; sigma in pixels, mirrored at the borders",
            target="percept_degradations.same_size:GaussianBlur",
        ),
        DegradationSpec(
            name="contrast",
            summary="More or less contrast about the image's own mean",
            target="percept_degradations.same_size:Contrast",
        ),
        DegradationSpec(
            name="downscaling",
            summary="Bicubic down and up again: the detail that a smaller image loses",
            target="percept_degradations.same_size:Downscaling",
            cites=(KEYS,),
        ),
        DegradationSpec(
            name="white-noise",
            summary="Nothing but noise, uniform in [0, 1]: images that start from nothing",
            target="percept_degradations.same_size:WhiteNoise",
            cites=("arXiv:2005.01338",),
            stochastic=True,
        ),
        DegradationSpec(
            name="ladder",
            summary="noise, blur, jpeg, downscaling or contrast, in five levels of known order",
            target="percept_degradations.ladder:Ladder",
            stochastic=True,
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
        ),
        GeneratorSpec(
            name="identity",
            summary="The degraded image as it is: for assessing degradations, and rated images",
            target="percept_degradations.generator:Identity",
            task="restoration",
            scales=(1,),
            trainable=False,
        ),
    ]
