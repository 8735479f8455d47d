"""Both lives of each metric, one figure for each way of being an assessor: where a store can answer that study."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from markupsafe import Markup

from percept_store.errors import QueryError
from percept_store.report.labels import annotate
from percept_store.report.palette import COLOURS
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
# Shares of what the axis spans: from its beginning to arrows and to the edge; room for names behind its end.
_ARROW, _BEFORE, _AFTER = 0.08, 0.14, 0.2
_NO_SPAN = 0.1  # what it spans where all values are equal


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
    span = float(np.max(x[shown])) - edge or _NO_SPAN
    drawn = np.where(x < edge, edge - _ARROW * span, x)

    def paint(axes: Axes) -> None:
        for place in shown:
            low, high = study.bounds["objective"][:, place]
            mark = "o" if x[place] >= edge else "<"
            axes.plot([drawn[place]] * 2, [low, high], color=COLOURS[0], linewidth=0.8, alpha=0.35)
            axes.plot(drawn[place], y[place], mark, color=COLOURS[0], markersize=5, markeredgewidth=0, gid=f"m{place}")
        _frame(axes, edge, span)
        axes.set_xlabel(_MEANING.get(life, f"as an assessor: rank correlation with people, {life}"), parse_math=False)
        axes.set_ylabel(_MEANING["objective"], parse_math=False)
        names = [study.names[p] + (f" ({x[p]:.2f})" if x[p] < edge else "") for p in shown]
        annotate(axes, names, np.stack([drawn[shown], y[shown]], axis=1))

    figure = draw(paint, f"lives {life}", (4.6, 4.4), titles)
    return Panel(_SAID.get(life, f"people, {life}"), _finding(correlation), figure)


def _edge(values: np.ndarray) -> float:
    """Where the axis begins: up to two metrics far below all others are arrows before it, with their value.

    Far is more than what the others span, which must be something; each must lie before the axis, too.
    """
    ordered = np.sort(values)
    for few in range(min(OUTLIERS, len(ordered) - 1), 0, -1):
        gap, step, rest = ordered[few] - ordered[0], ordered[few] - ordered[few - 1], ordered[-1] - ordered[few]
        if gap > rest > 0 and step > _BEFORE * rest:
            return float(ordered[few])
    return float(ordered[0])


def _frame(axes: Axes, edge: float, span: float) -> None:
    """Room for the marks at both ends, and no figures where no value can be: both lives end at 1."""
    axes.margins(y=0.12)
    axes.set_xlim(edge - _BEFORE * span, edge + (1 + _AFTER) * span)
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= min(high, 1.0)])


def _finding(correlation: Correlation) -> str:
    if not math.isfinite(correlation.spearman):
        return f"{correlation.metrics} metrics: too few for a rank correlation"
    interval = f"{correlation.low:+.2f} to {correlation.high:+.2f}"
    return f"rank correlation {correlation.spearman:+.2f} over {correlation.metrics} metrics, 95 % interval {interval}"


def _number(value: float, name: str) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.1f}" if name.startswith("psnr") else f"{value:.3f}"
