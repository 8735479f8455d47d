"""Offers the discriminators `timm-vanilla` and `timm-patch`: two heads on any backbone of timm."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DiscriminatorSpec

_TARGET = "percept_timm.discriminator:TimmDiscriminator"
_TIMM = "doi:10.5281/zenodo.4414861"


@hookimpl
def percept_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="timm-vanilla",
            summary="any timm backbone and a linear layer on its pooled features: one logit an image",
            target=_TARGET,
            arguments={"head": "vanilla"},
            cites=(_TIMM, "arXiv:2509.20878"),
            output="image",
            min_size=32,
        ),
        DiscriminatorSpec(
            name="timm-patch",
            summary="any timm backbone and a 1×1 convolution on its features: one logit a patch",
            target=_TARGET,
            arguments={"head": "patch"},
            cites=(_TIMM, "arXiv:2509.20878"),
            output="patch",
            min_size=16,
        ),
    ]
