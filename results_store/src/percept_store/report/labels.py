"""Names beside the marks of a figure: each where nothing is in its way, with a line to its mark where it is not clear.

Places are in points of the figure: (across, up) from its lower left corner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from percept_store.report.palette import INK
from percept_store.report.planes import crosses, crossing, distance, overlaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

SIZE = 6.5
_BESIDE = 5.0  # from a mark's middle to a name without a line
_CLEAR = 7.0  # how far other marks must be from such a name's beginning,
_APART = 11.0  # and from that of a name with a line: beside another mark it would be taken for that one's
_MARK = 3.0
_ONE = 2.5  # marks nearer than this are one to the eye: a line may pass over both
_HIGH, _WIDE = 1.25, 0.62  # of a letter, in its size; fonts of pages differ, and this is a wide one
_CROWD = np.array([45.0, 20.0])


@dataclass(frozen=True)
class Place:
    """A name's beginning, from its mark; `right`: it goes on to the right; `line`: from there to the mark."""

    across: float
    up: float
    right: bool
    line: bool


@dataclass
class _Taken:
    """What is in the way, besides the (N, 2) marks and the frame: boxes of names, and lines, each a row of four."""

    marks: np.ndarray
    frame: np.ndarray
    boxes: list[np.ndarray] = field(default_factory=list)
    lines: list[np.ndarray] = field(default_factory=list)


def annotate(
    axes: Axes, names: Sequence[str], points: np.ndarray, gids: Sequence[str] = (), around: Sequence[Text] = ()
) -> None:
    """Write `names` beside `points` (N, 2), in data units, and beside texts that stand already: `around`.

    The axes' limits must be final: they are looked at.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # settles the layout
    scale = 72 / figure.dpi
    standing = [np.array(text.get_window_extent().extents) * scale for text in around]
    marks = axes.transData.transform(points) * scale
    places = arrange(marks, names, np.array(axes.bbox.extents) * scale, standing)
    for number, (name, point, place) in enumerate(zip(names, points, places, strict=True)):
        if place is not None:
            _write(axes, name, (float(point[0]), float(point[1])), place, gids[number] if gids else None)


def _write(axes: Axes, name: str, point: tuple[float, float], place: Place, gid: str | None) -> None:
    side, end = ("left", 0.0) if place.right else ("right", 1.0)
    line = {"arrowstyle": "-", "color": INK, "alpha": 0.75, "linewidth": 0.5, "relpos": (end, 0.5)}
    written = axes.annotate(
        *(name, point, (place.across, place.up)),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=SIZE,
        color=INK,
        parse_math=False,
        arrowprops={**line, "shrinkA": 1, "shrinkB": 0} if place.line else None,
        gid=gid,
    )
    written.set_in_layout(False)


def arrange(
    marks: np.ndarray, names: Sequence[str], frame: np.ndarray, standing: Sequence[np.ndarray] = ()
) -> list[Place | None]:
    """A place for each name inside `frame`, None where nothing is free; those in the thick of others choose first.

    Lines cross others, or pass marks, only where there is no other way.
    """
    taken = _Taken(marks, frame, list(standing))
    crowds = [(np.abs(marks - mark) < _CROWD).all(axis=1).sum() for mark in marks]
    order = sorted(range(len(names)), key=lambda n: (-crowds[n], -marks[n, 1], marks[n, 0], names[n]))
    places: list[Place | None] = [None] * len(names)
    for number in order:
        places[number] = place = _place(taken, number, names[number])
        if place is not None:
            taken.boxes.append(boxes(marks[number], names[number], [place])[0])
        if place is not None and place.line:
            taken.lines.append(_line(marks[number], place))
    return places


def boxes(mark: np.ndarray, name: str, places: Sequence[Place]) -> np.ndarray:
    """(K, 4): where a name stands at each of `places`: left, low, right, high."""
    wide, high = len(name) * SIZE * _WIDE, SIZE * _HIGH
    starts = mark + [[place.across, place.up] for place in places]
    left = np.where([place.right for place in places], starts[:, 0], starts[:, 0] - wide)
    return np.stack([left, starts[:, 1] - high / 2, left + wide, starts[:, 1] + high / 2], axis=1)


def _candidates() -> list[Place]:
    beside = [Place(_BESIDE if right else -_BESIDE, 0.0, right, line=False) for right in (True, False)]
    led = [
        Place(across if right else -across, up, right, line=True)
        for across in (8.0, 14.0, 22.0, 34.0, 50.0, 70.0, 95.0)
        for up in np.arange(-120.0, 121.0, 4.0).tolist()
        for right in (True, False)
    ]
    return beside + sorted(led, key=lambda place: (abs(place.across) + 0.9 * abs(place.up), -place.up, not place.right))


_CANDIDATES = _candidates()
_STARTS = np.array([[place.across, place.up] for place in _CANDIDATES])
_NEAREST = np.array([_APART if place.line else _CLEAR for place in _CANDIDATES])


def _place(taken: _Taken, number: int, name: str) -> Place | None:
    mark, others = taken.marks[number], np.delete(taken.marks, number, axis=0)
    found = boxes(mark, name, _CANDIDATES)
    fits = (found[:, :2] >= taken.frame[:2]).all(axis=1) & (found[:, 2:] <= taken.frame[2:]).all(axis=1)
    fits &= ~overlaps(found, np.array(taken.boxes).reshape(-1, 4))
    fits &= ~overlaps(found, np.concatenate([taken.marks - _MARK, taken.marks + _MARK], axis=1))
    alone = (np.hypot(*(others - (mark + _STARTS)[:, None]).transpose(2, 0, 1)) >= _NEAREST[:, None]).all(axis=1)
    clear = (n for n in np.flatnonzero(fits & alone).tolist() if _clear(taken, others, mark, n, found[n]))
    return next((_CANDIDATES[n] for n in clear), next(_led(fits), None))


def _led(fits: np.ndarray) -> Iterator[Place]:
    return (_CANDIDATES[n] for n in np.flatnonzero(fits).tolist() if _CANDIDATES[n].line)


def _clear(taken: _Taken, others: np.ndarray, mark: np.ndarray, candidate: int, box: np.ndarray) -> bool:
    """Whether no line runs through the name, and its own meets no name, no line and no mark but those at its own."""
    lines, place = np.array(taken.lines).reshape(-1, 4), _CANDIDATES[candidate]
    if crosses(lines, box[None]).any():
        return False
    if not place.line:
        return True
    line = _line(mark, place)
    apart = others[np.hypot(*(others - mark).T) > _ONE]
    if (distance(apart, line) < _ONE / 2).any() or crossing(lines, line).any():
        return False
    return not crosses(line[None], np.array(taken.boxes).reshape(-1, 4)).any()


def _line(mark: np.ndarray, place: Place) -> np.ndarray:
    return np.array([*mark, mark[0] + place.across, mark[1] + place.up])
