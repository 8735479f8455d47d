"""Offers the datasets `photos` and `photo-groups`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DatasetSpec


@hookimpl
def percept_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="photos",
            summary="Nine colour photographs that scikit-image ships: nothing is downloaded",
            target="percept_photos.photos:Photos",
            cites=("doi:10.7717/peerj.453",),
            content="images",
            splits=("train", "test", "all"),
        ),
        DatasetSpec(
            name="photo-groups",
            summary="The same photographs, each with five further ground truths by classical operations",
            target="percept_photos.groups:PhotoGroups",
            cites=("doi:10.7717/peerj.453", "arXiv:2303.13069"),
            content="groups",
            splits=("train", "test", "all"),
        ),
    ]
