"""Offers the datasets `folder`, `rated` and `groups`, and the generator `folder`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DatasetSpec, GeneratorSpec


@hookimpl
def percept_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="folder",
            summary="All images below a folder; with `degraded`, a second folder, pairs of the same name",
            target="percept_folders.folder:Folder",
            content="images",
            splits=(),
        ),
        DatasetSpec(
            name="rated",
            summary="Images that people rated, with their references, listed in a CSV file",
            target="percept_folders.rated:Rated",
            content="rated",
            splits=(),
        ),
        DatasetSpec(
            name="groups",
            summary="Images with several ground truths each, a folder for each, labelled better, as good or worse",
            target="percept_folders.groups:Groups",
            cites=("arXiv:2303.13069",),
            content="groups",
            splits=(),
        ),
    ]


@hookimpl
def percept_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="folder",
            summary="Outputs made elsewhere, each found by its image's name",
            target="percept_folders.outputs:Outputs",
            task="restoration",
            scales=(),
            trainable=False,
            by_name=True,
        )
    ]
