"""The key `init`: where a network's weights come from."""

from __future__ import annotations

from pathlib import Path

from percept.schema.collections import Map
from percept.schema.section import Field, Section
from percept.schema.union import Union

PARTS = ("generator", "ema", "best", "lora", "discriminator", "backbone")


def chained(part: str) -> Field:
    """The key `init` of a network that is by itself a `part`: a file of weights, or what a run of another recipe left:
    `{recipe: gan.yaml, part: discriminator, where: {discriminator: patch}}`. Paths stay as written.
    """
    run = Section(
        {
            "recipe": Field(Path, required=True, doc="path of the recipe, or the name of a shipped one"),
            "part": Field(str, default=part, choices=PARTS, doc="which of its networks"),
            "where": Field(Map(object), default={}, doc="matrix axis → value, until one run is left"),
        }
    )
    return Field(Union(Path, run), doc="file of weights, or {recipe, part, where}: what a run of another recipe left")
