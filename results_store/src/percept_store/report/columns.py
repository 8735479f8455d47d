"""Which factors the tables of configurations show: those that tell rows apart; what all rows share is told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from percept_store.report.configurations import EDITION, RECIPE, Configuration, Design


@dataclass(frozen=True)
class Part:
    """Configurations that stand in one table.

    recipe   the one recipe that contains them all, "" if they have none; None if they are of several
    columns  the factors that tell them apart; of a configuration alone, those that apply to it
    shared   (factor, value) of those other varied factors that apply; without the recipe, where `recipe` names it
    """

    configurations: tuple[Configuration, ...]
    recipe: str | None
    columns: tuple[str, ...]
    shared: tuple[tuple[str, str], ...]


def parts(design: Design, members: Sequence[Configuration]) -> list[Part]:
    """One part of all `members` if the factors of their recipes are nested, else a part for each recipe.

    Where they are nested, one table needs no more columns than the widest of its recipes does. A configuration that
    several recipes contain is in the part of each. Recipes come in the order of time.
    """
    runs = sorted((run for c in members for run in c.runs), key=lambda run: run.index)
    recipes = dict.fromkeys(recipe for run in runs for recipe in run.recipes or (run.recipe,))
    grouped = {recipe: [c for c in members if recipe in c.recipes] for recipe in recipes}
    sets = sorted((_factors(design, recipe, found) for recipe, found in grouped.items()), key=len)
    if len(grouped) > 1 and all(small <= large for small, large in pairwise(sets)):
        return [_part(design, members, None)]
    return [_part(design, found, recipe) for recipe, found in grouped.items()]


def fixed(design: Design) -> list[tuple[str, str]]:
    """(factor, value) of every factor, but the recipe, that applies and is the same in the whole store."""
    untold = (RECIPE, EDITION, *design.varied, *design.aliases)
    return [(name, value) for name, value in design.configurations[0].factors.items() if value and name not in untold]


def _factors(design: Design, recipe: str, members: Sequence[Configuration]) -> frozenset[str]:
    # A configuration that other recipes contain as well has their factors too, and says nothing of this one's.
    own = [c for c in members if c.recipes == (recipe,)] or members
    applying = (name for name in design.varied if any(c.factors[name] for c in own))
    return frozenset(applying) - {RECIPE}


def _part(design: Design, members: Sequence[Configuration], recipe: str | None) -> Part:
    found = {name: {c.factors[name] for c in members} for name in design.varied}
    columns = [name for name, values in found.items() if len(values) > 1]
    if len(members) == 1:
        columns = [name for name, values in found.items() if name != RECIPE and values != {""}]
    alike = [(name, *values) for name, values in found.items() if name not in columns and values != {""}]
    shared = [(name, value) for name, value in alike if (name, value) != (RECIPE, recipe)]
    return Part(tuple(members), recipe, tuple(columns), tuple(shared))
