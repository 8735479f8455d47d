"""Distortion against quality: what fidelity costs in looks, and the other way round; one point a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from percept_store.report.configurations import Configuration
from percept_store.report.palette import Look, Looks
from percept_store.report.scores import number, run_means
from percept_store.report.source import Assessor, Source
from percept_store.report.svg import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = 4
_X_FIRST, _Y_FIRST = ("psnr-y", "psnr"), ("niqe", "lpips", "dists")


@dataclass(frozen=True)
class Panel:
    x: Assessor
    y: Assessor
    svg: Markup


@dataclass(frozen=True)
class Scatter:
    """`colours`, `markers`: value → look, for the legend; `baselines` likewise by name."""

    panels: tuple[Panel, ...]
    colours: tuple[tuple[str, Look], ...]
    markers: tuple[tuple[str, Look], ...]
    baselines: tuple[tuple[str, Look], ...]


Point = tuple[Configuration, int, float, float]


def scatter(source: Source, members: Sequence[Configuration], images: Sequence[int], looks: Looks) -> Scatter | None:
    """Up to `PANELS` pairs of assessors over runs that share `images`; None where no pair has a point."""
    drawn = [(pair, found) for pair in pairs(source.assessors) if (found := _points(source, members, images, *pair))]
    panels = tuple(Panel(x, y, _draw(source, x, y, found, looks)) for (x, y), found in drawn[:PANELS])
    if not panels:
        return None
    present = {point[0].index for _, found in drawn[:PANELS] for point in found}
    trained = [c for c in members if c.trained and c.index in present]
    baselines = tuple(
        (c.name, looks.by_configuration[c.index]) for c in members if not c.trained and c.index in present
    )
    by_value = [_legend(trained, factor, looks) for factor in (looks.colour_by, looks.marker_by)]
    return Scatter(panels, by_value[0], by_value[1], baselines)


def pairs(assessors: Sequence[Assessor]) -> list[tuple[Assessor, Assessor]]:
    """(distortion, quality), the customary ones first.

    PSNR on luma, else PSNR, else any full-reference assessor; against NIQE, then other assessors that need no
    reference, then other full-reference ones, LPIPS and DISTS before the rest.
    """
    full = _first([a for a in assessors if a.reference == "full"], _X_FIRST)
    free = _first([a for a in assessors if a.reference == "none"], _Y_FIRST)
    if not full:
        return []
    others = [a for a in full[1:] if not (a.name.startswith("psnr") and full[0].name.startswith("psnr"))]
    return [(full[0], y) for y in free + _first(others, _Y_FIRST)]


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


def _draw(source: Source, x: Assessor, y: Assessor, points: Sequence[Point], looks: Looks) -> Markup:
    titles = {
        f"r{run}": f"{c.name}, seed {source.runs[run].seed}: {x.label} {number(px, 3)}, {y.label} {number(py, 3)}"
        for c, run, px, py in points
    }

    def paint(axes: Axes) -> None:
        for configuration, run, px, py in points:
            look = looks.by_configuration[configuration.index]
            size = 10 if look.marker == "*" else 6.5
            axes.plot(
                px, py, look.marker, color=look.colour, markersize=size, alpha=0.85, markeredgewidth=0, gid=f"r{run}"
            )
        axes.margins(0.14)
        axes.set_xlabel(_label(x), parse_math=False)
        axes.set_ylabel(_label(y), parse_math=False)
        _mark_better(axes, x.higher, y.higher)

    return draw(paint, f"scatter {x.key} {y.key}", (3.8, 3.0), titles)


def _label(assessor: Assessor) -> str:
    return f"{assessor.label}  (higher is better →)" if assessor.higher else f"{assessor.label}  (← lower is better)"


def _mark_better(axes: Axes, right: bool, up: bool) -> None:
    arrow = {(True, True): "↗", (True, False): "↘", (False, True): "↖", (False, False): "↙"}[right, up]
    axes.text(
        0.98 if right else 0.02,
        0.97 if up else 0.03,
        f"better {arrow}" if right else f"{arrow} better",
        ha="right" if right else "left",
        va="top" if up else "bottom",
        transform=axes.transAxes,
        style="italic",
        alpha=0.75,
    )


def _legend(trained: Sequence[Configuration], factor: str, looks: Looks) -> tuple[tuple[str, Look], ...]:
    if not factor:
        return ()
    return tuple({c.factors[factor]: looks.by_configuration[c.index] for c in trained}.items())
