"""Configurations: runs that differ in nothing but their seed, and the factors that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from percept_store.report.natural import Natural, natural
from percept_store.report.source import Run

STANDARD = ("generator", "discriminator", "fidelity_loss")
EDITION = "edition"
RECIPE = "recipe"


@dataclass(frozen=True)
class Configuration:
    """`factors`: every factor's value as text, "" where it does not apply; `name`: those that vary, in short.

    `runs` are in the order of their seeds.
    """

    index: int
    name: str
    factors: Mapping[str, str]
    runs: tuple[Run, ...]

    @property
    def recipes(self) -> tuple[str, ...]:
        """Every recipe that contains it; "" for runs that no recipe made."""
        return tuple(dict.fromkeys(recipe for run in self.runs for recipe in run.recipes or (run.recipe,)))

    @property
    def trained(self) -> bool:
        return bool(self.factors.get("fidelity_loss"))


@dataclass(frozen=True)
class Design:
    """All configurations. `varied`: factors of several values; `aliases`: factor → the varied one it goes with."""

    configurations: tuple[Configuration, ...]
    varied: tuple[str, ...]
    aliases: Mapping[str, str]
    seeds: tuple[str, ...]

    def values(self, factor: str) -> tuple[str, ...]:
        """The values of a factor, in natural order."""
        return tuple(sorted({c.factors[factor] for c in self.configurations}, key=natural))


def group(runs: Sequence[Run]) -> Design:
    """Group runs into configurations: baselines (which nothing trained) first, else in the natural order of factors.

    The order of appearance would be that in which parallel runs happened to finish.

    Runs that share all factors and the seed, because a recipe was changed in between, are told apart by a factor
    `edition`, so that no mean mixes them.
    """
    grouped: dict[tuple[str, ...], list[Run]] = {}
    factors = _factors(runs)
    for run, row in zip(runs, factors, strict=True):
        grouped.setdefault(tuple(row.values()), []).append(run)
    rows = {tuple(row.values()): row for row in factors}
    order = sorted(rows, key=lambda values: _by_factors(rows[values]))
    varied, aliases = _varied([rows[values] for values in order])
    names = _names([rows[values] for values in order], varied)
    configurations = tuple(
        Configuration(index, name, rows[values], tuple(sorted(grouped[values], key=lambda run: natural(run.seed))))
        for index, (values, name) in enumerate(zip(order, names, strict=True))
    )
    seeds = sorted({run.seed for run in runs if run.seed}, key=natural)
    return Design(configurations, varied, aliases, tuple(seeds))


def _by_factors(row: Mapping[str, str]) -> tuple[bool, list[Natural]]:
    return bool(row.get("fidelity_loss")), [natural(value) for value in row.values()]


def _factors(runs: Sequence[Run]) -> list[dict[str, str]]:
    names = sorted({name for run in runs for name in run.factors}, key=_standard_first)
    rows = [{name: run.factors.get(name, "") for name in names} | {RECIPE: run.recipe} for run in runs]
    seen: Counter[tuple[str, ...]] = Counter()
    for run, row in zip(runs, rows, strict=True):
        seen[place := (*row.values(), run.seed)] += 1
        row[EDITION] = str(seen[place])
    return rows


def _standard_first(name: str) -> tuple[int, str]:
    return (STANDARD.index(name) if name in STANDARD else len(STANDARD), name)


def _varied(rows: Sequence[Mapping[str, str]]) -> tuple[tuple[str, ...], dict[str, str]]:
    varied: list[str] = []
    aliases: dict[str, str] = {}
    for name in rows[0]:
        column = [row[name] for row in rows]
        if len(set(column)) == 1:
            continue
        twin = next((other for other in varied if _one_to_one(column, [row[other] for row in rows])), "")
        if twin and name not in STANDARD:
            aliases[name] = twin
        else:
            varied.append(name)
    return tuple(varied), aliases


def _one_to_one(left: Sequence[str], right: Sequence[str]) -> bool:
    return len(set(left)) == len(set(right)) == len(set(zip(left, right, strict=True)))


def _names(rows: Sequence[Mapping[str, str]], varied: Sequence[str]) -> list[str]:
    names = [_short(row, varied) for row in rows]
    if len(set(names)) == len(names):
        return names
    return [", ".join(f"{name}={row[name] or '–'}" for name in varied) for row in rows]


def _short(row: Mapping[str, str], varied: Sequence[str]) -> str:
    bare = [row[name] for name in varied if name in STANDARD and row[name] not in ("", "none")]
    named = [f"{name}={row[name]}" for name in varied if name not in STANDARD and row[name]]
    return " · ".join(bare + named) or next((row[name] for name in STANDARD if row.get(name)), row[RECIPE])
