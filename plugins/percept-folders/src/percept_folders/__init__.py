"""Offers the dataset `folder`."""

from __future__ import annotations

from percept.hookspecs import hookimpl
from percept.specs import DatasetSpec


@hookimpl
def percept_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="folder",
            summary="All images below a folder; with `degraded`, a second folder, pairs of the same name",
            target="percept_folders.folder:Folder",
            content="images",
            splits=(),
        )
    ]
