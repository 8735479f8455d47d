"""Rows of figures, and whether they keep the limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.benchmarks.peers.libraries import PEERS
from tests.benchmarks.peers.subject import PERCEPT

PREPARED = 1.6  # least factor by which a prepared reference is quicker


@dataclass(frozen=True)
class Row:
    """One measurement of one metric.

    what      what was measured
    unit      of the values: ms or MiB
    values    library → value; percept's is among them
    limit     what percept's share of the best peer's value, or its value if `absolute`, may be; None: not judged
    """

    metric: str
    what: str
    unit: str
    values: Mapping[str, float]
    limit: float | None
    absolute: bool = False

    @property
    def best(self) -> str:
        """The peer of the lowest value, or nothing."""
        return min((name for name in self.values if name != PERCEPT), key=self.values.__getitem__, default="")

    @property
    def ratio(self) -> float | None:
        """percept's value over that of the best peer."""
        return self.values[PERCEPT] / self.values[self.best] if self.best and self.values[self.best] > 0 else None

    @property
    def kept(self) -> bool | None:
        """Whether the limit is kept; None where there is none, or no peer."""
        value = self.values[PERCEPT] if self.absolute else self.ratio
        return None if value is None or self.limit is None else value <= self.limit


@dataclass(frozen=True)
class Prepared:
    """Time of one candidate, ms: the reference prepared for each, and once for ten."""

    metric: str
    each: float
    once: float

    @property
    def kept(self) -> bool:
        return self.each / self.once >= PREPARED


def markdown(rows: Iterable[Row], prepared: Iterable[Prepared]) -> str:
    """Both tables."""
    titles = ["metric", "measured", PERCEPT, *PEERS, "of the best", "limit", ""]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for row in rows:
        values = [f"{row.values[name]:.4g}" if name in row.values else "–" for name in (PERCEPT, *PEERS)]
        ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
        unit = f" {row.unit}" if row.absolute else ""
        limit = "–" if row.limit is None or row.kept is None else f"≤ {row.limit:g}{unit}"
        lines.append(_line([row.metric, f"{row.what}, {row.unit}", *values, ratio, limit, _mark(row.kept)]))
    prepared = list(prepared)
    if not prepared:
        return "\n".join(lines) + "\n"
    lines += ["", _line(["metric", "prepared for each, ms", "once for ten, ms", "factor", "limit", ""])]
    lines.append(_line(["---"] * 6))
    for one in prepared:
        factor = f"{one.each / one.once:.2f}"
        lines.append(
            _line([one.metric, f"{one.each:.4g}", f"{one.once:.4g}", factor, f"≥ {PREPARED}", _mark(one.kept)])
        )
    return "\n".join(lines) + "\n"


def _mark(kept: bool | None) -> str:
    return "" if kept is None else "yes" if kept else "**no**"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
