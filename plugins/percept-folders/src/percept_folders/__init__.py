"""Offers the datasets `folder` and `rated`."""

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
        ),
        DatasetSpec(
            name="rated",
            summary="Images that people rated, with their references, listed in a CSV file",
            target="percept_folders.rated:Rated",
            content="rated",
            splits=(),
        ),
    ]
