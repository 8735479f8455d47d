"""Distortion against quality: what fidelity costs in looks, and the other way round; one point a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from percept_store.report.configurations import Configuration
from percept_store.report.labels import annotate
from percept_store.report.notation import number
from percept_store.report.numbering import Numbers, numbering
from percept_store.report.palette import Look, Looks, one_colour
from percept_store.report.scores import run_means
from percept_store.report.source import Assessor, Source
from percept_store.report.svg import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

PANELS, FREE = 4, 2
_X_FIRST, _Y_FIRST = ("psnr-y", "psnr"), ("niqe", "lpips", "dists")


@dataclass(frozen=True)
class Panel:
    x: Assessor
    y: Assessor
    svg: Markup

    @property
    def sees(self) -> str:
        """What the upward assessor looks at, in words."""
        return "compares with the reference, too" if self.y.reference == "full" else "looks at the output alone"


@dataclass(frozen=True)
class Scatter:
    """`colours`, `markers`: value → look, for the legend; `baselines` likewise by name.

    Where `numbers` stand beside the marks, these are all dots, and say nothing but their colour.
    """

    panels: tuple[Panel, ...]
    colours: tuple[tuple[str, Look], ...]
    markers: tuple[tuple[str, Look], ...]
    baselines: tuple[tuple[str, Look], ...]
    numbers: Numbers | None


Point = tuple[Configuration, int, float, float]


def scatter(source: Source, members: Sequence[Configuration], images: Sequence[int], looks: Looks) -> Scatter | None:
    """Up to `PANELS` pairs of assessors over runs that share `images`; None where no pair has a point."""
    drawn = [(pair, found) for pair in pairs(source.assessors) if (found := _points(source, members, images, *pair))]
    present = {point[0].index for _, found in drawn[:PANELS] for point in found}
    shown = [c for c in members if c.index in present]
    if not shown:
        return None
    trained = [c for c in shown if c.trained]
    if numbering(shown, looks) and not _each_has_its_own(_legend(trained, looks.colour_by, looks)):
        looks = one_colour(looks)
    numbers = numbering(shown, looks)
    panels = tuple(Panel(x, y, _draw(source, x, y, found, looks, numbers)) for (x, y), found in drawn[:PANELS])
    colours, markers = (_legend(trained, factor, looks) for factor in (looks.colour_by, looks.marker_by))
    baselines = tuple((c.name, looks.by_configuration[c.index]) for c in shown if not c.trained)
    return Scatter(panels, colours, () if numbers else markers, () if numbers else baselines, numbers)


def pairs(assessors: Sequence[Assessor]) -> list[tuple[Assessor, Assessor]]:
    """(distortion, quality), the customary ones first.

    PSNR on luma, else PSNR, else any full-reference assessor; against NIQE and another assessor that needs no
    reference, then other full-reference ones, LPIPS and DISTS before the rest, then what is left. Among those without
    a reference are measures of mere properties, which a cube cannot tell from judges: they must not fill the page.
    """
    full = _first([a for a in assessors if a.reference == "full"], _X_FIRST)
    free = _first([a for a in assessors if a.reference == "none"], _Y_FIRST)
    if not full:
        return []
    others = [a for a in full[1:] if not (a.name.startswith("psnr") and full[0].name.startswith("psnr"))]
    return [(full[0], y) for y in free[:FREE] + _first(others, _Y_FIRST) + free[FREE:]]


def _first(assessors: Sequence[Assessor], names: Sequence[str]) -> list[Assessor]:
    return sorted(assessors, key=lambda a: names.index(a.name) if a.name in names else len(names))


def _points(
    source: Source, members: Sequence[Configuration], images: Sequence[int], x: Assessor, y: Assessor
) -> list[Point]:
    found = []
    for configuration in members:
        for run in configuration.runs:
            means = run_means(source, run.index, images)
            if all(math.isfinite(means[a.index]) for a in (x, y)):
                found.append((configuration, run.index, float(means[x.index]), float(means[y.index])))
    return found


def _draw(
    source: Source, x: Assessor, y: Assessor, points: Sequence[Point], looks: Looks, numbers: Numbers | None
) -> Markup:
    number_of = {index: entry.number for entry in (numbers.entries if numbers else ()) for index in entry.members}
    gids = [f"c{number_of[c.index]}-{run}" if numbers else f"r{run}" for c, run, _, _ in points]
    titles = {
        gid: f"{c.name}, seed {source.runs[run].seed}: {x.label} {number(px, 3)}, {y.label} {number(py, 3)}"
        for gid, (c, run, px, py) in zip(gids, points, strict=True)
    }

    def paint(axes: Axes) -> None:
        for gid, (c, _, px, py) in zip(gids, points, strict=True):
            _mark(axes, (px, py), looks.by_configuration[c.index], gid, dot=bool(numbers))
        axes.margins(0.14)
        axes.set_xlabel(_label(x), parse_math=False)
        axes.set_ylabel(_label(y), parse_math=False)
        better = _mark_better(axes, x.higher, y.higher)
        if numbers:
            places = np.array([(px, py) for _, _, px, py in points])
            annotate(axes, [str(number_of[c.index]) for c, *_ in points], places, gids, [better])

    return draw(paint, f"scatter {x.key} {y.key}", (4.6, 4.4) if numbers else (3.8, 3.0), titles)


def _mark(axes: Axes, place: tuple[float, float], look: Look, gid: str, *, dot: bool) -> None:
    shape, size = ("o", 5.0) if dot else (look.marker, 10.0 if look.marker == "*" else 6.5)
    axes.plot(*place, shape, color=look.colour, markersize=size, alpha=0.85, markeredgewidth=0, gid=gid)


def _label(assessor: Assessor) -> str:
    return f"{assessor.label}  (higher is better →)" if assessor.higher else f"{assessor.label}  (← lower is better)"


def _mark_better(axes: Axes, right: bool, up: bool) -> Text:
    arrow = {(True, True): "↗", (True, False): "↘", (False, True): "↖", (False, False): "↙"}[right, up]
    return axes.text(
        0.98 if right else 0.02,
        0.97 if up else 0.03,
        f"better {arrow}" if right else f"{arrow} better",
        ha="right" if right else "left",
        va="top" if up else "bottom",
        transform=axes.transAxes,
        style="italic",
        alpha=0.75,
    )


def _each_has_its_own(legend: Sequence[tuple[str, Look]]) -> bool:
    return len({look.colour for _, look in legend}) == len(legend)


def _legend(trained: Sequence[Configuration], factor: str, looks: Looks) -> tuple[tuple[str, Look], ...]:
    if not factor:
        return ()
    return tuple({c.factors[factor]: looks.by_configuration[c.index] for c in trained}.items())
