"""Colours, dashes and markers: Okabe and Ito's palette, which people of any colour vision can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from percept_store.report.configurations import Configuration, Design

# Okabe & Ito, Color Universal Design (2008), without black and yellow: each must stand out on white and on near-black.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GREY = "#8a8a8a"
INK = "#0a0b0c"  # stands for the page's own ink: figures exchange it for the CSS variable
DASHES = ("", "5 2", "1.5 1.5", "7 2 1.5 2", "3 1")
BASELINE = ("*", "★")
MARKERS = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"))


@dataclass(frozen=True)
class Look:
    """How one configuration is drawn: `glyph` is the marker as a character, for legends outside the figure."""

    colour: str
    dash: str
    marker: str
    glyph: str


@dataclass(frozen=True)
class Looks:
    """Looks by configuration; `colour_by`, `marker_by`: the factors that they encode, "" for none."""

    by_configuration: tuple[Look, ...]
    colour_by: str
    marker_by: str


def encode(design: Design) -> Looks:
    """Colour by the discriminator, marker and dash by the fidelity loss, or by other factors if these do not vary.

    A factor varies here if it has several values among what is trained; baselines look alike whatever they are.
    """
    varied = _varied(design)
    free = [name for name in ("discriminator", "objective", *varied) if name in varied]
    marker_by = "fidelity_loss" if "fidelity_loss" in varied and len(set(free)) > 1 else ""
    colour_by = next((name for name in free if name != marker_by), "")
    marker_by = marker_by or next((name for name in free if name != colour_by), "")
    looks = (_look(design, c, colour_by, marker_by) for c in design.configurations)
    return Looks(tuple(looks), colour_by, marker_by)


def one_colour(looks: Looks) -> Looks:
    """The same, but of one colour for all that is trained: where there are more values than colours."""
    given = looks.by_configuration
    plain = (look if look.marker == BASELINE[0] else replace(look, colour=COLOURS[0]) for look in given)
    return Looks(tuple(plain), "", looks.marker_by)


def distinct(looks: Sequence[Look]) -> list[Look]:
    """The same looks if every line can be told from the others by colour and dash, else new ones that can."""
    if len({(look.colour, look.dash) for look in looks}) == len(looks):
        return list(looks)
    return [_nth(index % len(COLOURS), index // len(COLOURS)) for index in range(len(looks))]


def _varied(design: Design) -> list[str]:
    trained = [c for c in design.configurations if c.trained]
    return [name for name in design.varied if len({c.factors[name] for c in trained} - {""}) > 1]


def _look(design: Design, configuration: Configuration, colour_by: str, marker_by: str) -> Look:
    if not configuration.trained:
        return Look(INK, DASHES[0], *BASELINE)
    rank = _rank(design, configuration, marker_by)
    if colour_by and configuration.factors[colour_by] in ("", "none"):
        return _nth(None, rank)
    return _nth(_rank(design, configuration, colour_by), rank)


def _rank(design: Design, configuration: Configuration, factor: str) -> int:
    values = [value for value in design.values(factor) if value not in ("", "none")] if factor else []
    value = configuration.factors.get(factor, "")
    return values.index(value) if value in values else 0


def _nth(colour: int | None, mark: int) -> Look:
    marker, glyph = MARKERS[mark % len(MARKERS)]
    return Look(GREY if colour is None else COLOURS[colour % len(COLOURS)], DASHES[mark % len(DASHES)], marker, glyph)
