"""Learning curves: one small figure a series, one line a configuration, its seeds as thin lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from percept_store.report.configurations import Configuration, Design
from percept_store.report.palette import Look, Looks, distinct
from percept_store.report.source import Run
from percept_store.report.svg import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 150
LINES = 30
_DECADES = 1.5
Line = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Panel:
    """One series. `log`: its values span more than one and a half decades."""

    series: str
    log: bool
    svg: Markup


@dataclass(frozen=True)
class Curves:
    """`legend`: configuration and look of each line; `left_out`: configurations beyond the first `LINES`."""

    panels: tuple[Panel, ...]
    legend: tuple[tuple[Configuration, Look], ...]
    left_out: int
    averaged: bool


def curves(design: Design, looks: Looks) -> Curves | None:
    """All learning curves; None where no run recorded any."""
    with_curves = [c for c in design.configurations if any(_series(run) for run in c.runs)]
    shown = with_curves[:LINES]
    if not shown:
        return None
    styles = distinct([looks.by_configuration[c.index] for c in shown])
    legend = tuple(zip(shown, styles, strict=True))
    names = dict.fromkeys(series for c in shown for run in c.runs for series in _series(run))
    panels = tuple(panel for name in names if (panel := _panel(name, legend)))
    averaged = any(_raw(run, name)[0].size > POINTS for c in shown for run in c.runs for name in _series(run))
    return Curves(panels, legend, len(with_curves) - len(shown), averaged)


def binned(steps: np.ndarray, values: np.ndarray, points: int = POINTS) -> Line:
    """At most `points` means over neighbouring steps; values that are not finite are left out."""
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    if steps.size <= points:
        return steps, values
    starts = np.linspace(0, steps.size, points, endpoint=False).astype(int)
    counts = np.diff(np.append(starts, steps.size))
    return np.add.reduceat(steps, starts) / counts, np.add.reduceat(values, starts) / counts


def _series(run: Run) -> list[str]:
    return [
        key[len("curve/") : -len("/value")] for key in run.arrays if key.startswith("curve/") and key.endswith("/value")
    ]


def _raw(run: Run, series: str) -> Line:
    empty = np.empty(0)
    steps, values = (run.arrays.get(f"curve/{series}/{part}", empty) for part in ("step", "value"))
    return steps.astype(float), values.astype(float)


def _panel(series: str, legend: Sequence[tuple[Configuration, Look]]) -> Panel | None:
    lines = {c.index: [line for run in c.runs if (line := binned(*_raw(run, series)))[0].size] for c, _ in legend}
    values = [line[1] for found in lines.values() for line in found]
    if not values:
        return None
    log = _spans_decades(np.concatenate(values))

    def paint(axes: Axes) -> None:
        for configuration, look in legend:
            _paint(axes, configuration, look, lines[configuration.index])
        axes.set_yscale("log" if log else "linear")
        axes.set_xlabel("step")
        axes.margins(x=0.02)

    titles = {f"c{c.index}": c.name for c, _ in legend}
    return Panel(series, log, draw(paint, f"curve {series}", (3.5, 2.3), titles))


def _spans_decades(values: np.ndarray) -> bool:
    return bool(values.min() > 0 and values.max() > values.min() * 10**_DECADES)


def _paint(axes: Axes, configuration: Configuration, look: Look, lines: Sequence[Line]) -> None:
    mean = _mean(lines)
    width, alpha = (0.6, 0.45) if mean else (1.3, 1.0)
    styled = [(line, width, alpha) for line in lines] + ([(mean, 1.6, 1.0)] if mean else [])
    for (steps, values), width, alpha in styled:
        axes.plot(
            *(steps, values),
            color=look.colour,
            linestyle=_dash(look.dash),
            linewidth=width,
            alpha=alpha,
            marker="o" if steps.size == 1 else "",  # a line of one point shows nothing
            markersize=2 + 2 * width,
            gid=f"c{configuration.index}",
        )


def _dash(pattern: str) -> str | tuple[int, tuple[float, ...]]:
    return (0, tuple(map(float, pattern.split()))) if pattern else "-"


def _mean(lines: Sequence[Line]) -> Line | None:
    if len(lines) < 2 or any(not np.array_equal(line[0], lines[0][0]) for line in lines):
        return None
    return lines[0][0], np.mean([values for _, values in lines], axis=0)
