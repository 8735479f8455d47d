"""Numbers in place of marks, where there are more configurations than marks that one can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from percept_store.report.configurations import Configuration
from percept_store.report.palette import Looks


@dataclass(frozen=True)
class Numbered:
    """What one number stands for. `members`: indices of configurations, which colour tells apart."""

    number: int
    name: str
    trained: bool
    members: tuple[int, ...]


@dataclass(frozen=True)
class Numbers:
    """`by`: the factor whose values the numbers stand for; "" where each stands for a configuration."""

    by: str
    entries: tuple[Numbered, ...]


def numbering(shown: Sequence[Configuration], looks: Looks) -> Numbers | None:
    """Numbers for all of `shown`; None if colour and mark tell them apart.

    One for each value of the factor that marks stand for, if colour does the rest, else one for each configuration.
    """
    seen = {(look.colour, look.marker) for look in (looks.by_configuration[c.index] for c in shown)}
    if len(seen) == len(shown):
        return None
    groups: dict[tuple[bool, str], list[Configuration]] = {}
    for c in shown:
        name = c.factors[looks.marker_by] or "–" if c.trained and looks.marker_by else c.name
        groups.setdefault((c.trained, name), []).append(c)
    if looks.marker_by and all(_told_by_colour(members, looks) for members in groups.values()):
        return Numbers(looks.marker_by, _numbered(groups))
    return Numbers("", _numbered({(c.trained, c.name): [c] for c in shown}))


def _numbered(groups: Mapping[tuple[bool, str], Sequence[Configuration]]) -> tuple[Numbered, ...]:
    return tuple(
        Numbered(number, name, trained, tuple(c.index for c in members))
        for number, ((trained, name), members) in enumerate(groups.items(), start=1)
    )


def _told_by_colour(members: Sequence[Configuration], looks: Looks) -> bool:
    return len({looks.by_configuration[c.index].colour for c in members}) == len(members)
