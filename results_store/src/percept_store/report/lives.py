"""Both lives of each metric, one figure for each way of being an assessor: where a store can answer that study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from markupsafe import Markup

from percept_store.errors import QueryError
from percept_store.report.palette import COLOURS, INK
from percept_store.report.svg import draw
from percept_store.studies.asymmetry import Asymmetry, Correlation, asymmetry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MEANING = {
    "objective": "as an objective: share of other outputs that are worse",
    "within": "as an assessor: pairs in order, within a distortion",
    "across": "as an assessor: pairs in order, across distortions",
}
_SAID = {"within": "pairs of levels of one distortion", "across": "pairs of levels of two distortions"}


OUTLIERS = 2
WIDE, HIGH = 0.16, 0.032  # of a name, as shares of the axes


@dataclass(frozen=True)
class Panel:
    """One scatter: `title` says which life as an assessor it is, `finding` what it shows."""

    title: str
    finding: str
    svg: Markup


@dataclass(frozen=True)
class Lives:
    """`head`: the table's columns; `lines`: a metric and its cells, as text."""

    panels: tuple[Panel, ...]
    head: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    judges: int


def lives(cube: xr.Dataset) -> Lives | None:
    """What the study of asymmetry says of this cube, or None where it does not apply."""
    with suppress(QueryError):
        return _drawn(asymmetry(cube))
    return None


def _drawn(study: Asymmetry) -> Lives:
    panels = [_panel(study, c) for c in study.correlations if c.metrics]
    rows = study.rows()
    head = tuple(name for name in rows[0] if name != "metric")
    lines = tuple((row["metric"], tuple(_number(row[name], name) for name in head)) for row in rows)
    return Lives(tuple(panels), head, lines, len(study.about["judges"]))


def _panel(study: Asymmetry, correlation: Correlation) -> Panel:
    life = correlation.life
    x, y = study.columns[life], study.columns["objective"]
    shown = [place for place in range(len(study.names)) if math.isfinite(x[place]) and math.isfinite(y[place])]
    titles = {f"m{p}": f"{study.names[p]}: {life} {x[p]:.3f}, objective {y[p]:.3f}" for p in shown}
    edge = _edge(x[shown])

    def paint(axes: Axes) -> None:
        for place in shown:
            low, high = study.bounds["objective"][:, place]
            across, mark = max(x[place], edge), "o" if x[place] >= edge else "<"
            axes.plot([across] * 2, [low, high], color=COLOURS[0], linewidth=0.8, alpha=0.35)
            axes.plot(across, y[place], mark, color=COLOURS[0], markersize=5, markeredgewidth=0, gid=f"m{place}")
        names = {p: study.names[p] + (f" ({x[p]:.2f})" if x[p] < edge else "") for p in shown}
        _name(axes, names, np.maximum(x, edge), y)
        axes.margins(0.12)
        axes.set_xlabel(_MEANING.get(life, f"as an assessor: rank correlation with people, {life}"), parse_math=False)
        axes.set_ylabel(_MEANING["objective"], parse_math=False)

    figure = draw(paint, f"lives {life}", (4.6, 4.4), titles)
    return Panel(_SAID.get(life, f"people, {life}"), _finding(correlation), figure)


def _edge(values: np.ndarray) -> float:
    """Where the axis begins: up to two metrics far below all others stand at it, as arrows, with their value."""
    ordered = np.sort(values)
    few = min(OUTLIERS, len(ordered) - 1)
    gap = ordered[few] - ordered[0]
    return float(ordered[few] if gap > np.ptp(ordered) / 2 else ordered[0])


def _name(axes: Axes, names: Mapping[int, str], x: np.ndarray, y: np.ndarray) -> None:
    """Names beside the marks, moved down until none covers another."""
    shown = list(names)
    span_x, span_y = (float(np.ptp(v[shown])) or 1.0 for v in (x, y))
    taken: list[tuple[float, float]] = []
    for place in sorted(shown, key=lambda p: -y[p]):
        across, up = (x[place] - x[shown].min()) / span_x, (y[place] - y[shown].min()) / span_y
        while any(abs(across - a) < WIDE and abs(up - b) < HIGH for a, b in taken):
            up -= HIGH
        taken.append((across, up))
        right = across < 0.75
        axes.annotate(
            names[place],
            (x[place], y[shown].min() + up * span_y),
            xytext=(5 if right else -5, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=6.5,
            color=INK,
        )


def _finding(correlation: Correlation) -> str:
    if not math.isfinite(correlation.spearman):
        return f"{correlation.metrics} metrics: too few for a rank correlation"
    interval = f"{correlation.low:+.2f} to {correlation.high:+.2f}"
    return f"rank correlation {correlation.spearman:+.2f} over {correlation.metrics} metrics, 95 % interval {interval}"


def _number(value: float, name: str) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.1f}" if name.startswith("psnr") else f"{value:.3f}"
