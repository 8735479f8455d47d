"""Recipes: YAML files → cells that are resolved and validated. Nothing here imports torch.

A file is read (`source`, `nodes`), put over what it `extends` (`compose`), changed by `--set` (`overrides`), crossed
with its matrix (`axes`, `matrix`); then, for each cell, placeholders are filled in (`placeholders`) and the schema
(`document`, and those of the stages) checks it and fills in the defaults (`load`).
"""

from percept.recipe.cell import Cell, Recipe
from percept.recipe.find import find, shipped, summary_of
from percept.recipe.load import load
from percept.recipe.schema_json import json_schema
from percept.recipe.show import show

__all__ = ["Cell", "Recipe", "find", "json_schema", "load", "shipped", "show", "summary_of"]
