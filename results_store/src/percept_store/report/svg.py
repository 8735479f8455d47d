"""Matplotlib figures as SVG that can stand inside a page: its own ink and font, no addresses, no clashing ids."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from percept_store.report.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RULE = "#0d0e0f"
_STYLE = {
    "axes.edgecolor": RULE,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 8,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": RULE,
    "xtick.labelcolor": INK,
    "ytick.color": RULE,
    "ytick.labelcolor": INK,
}


def draw(paint: Callable[[Axes], None], salt: str, size: tuple[float, float], titles: Mapping[str, str]) -> Markup:
    """Paint one pair of axes and return its `<svg>`, `size` in inches, text left as text.

    `salt` keeps this figure's ids apart from others on the page. Artists whose gid is in `titles` get that tooltip;
    a gid `c3`, or `c3-` and more, becomes the attribute `data-c="3"`.
    """
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.figure import Figure

    style: Any = {**_STYLE, "svg.hashsalt": salt}
    with rc_context():
        rcdefaults()
        rcParams.update(style)
        figure = Figure(figsize=size, layout="constrained")
        paint(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Markup(_embed(buffer.getvalue(), titles))


def _embed(svg: str, titles: Mapping[str, str]) -> str:
    head, body = svg[svg.index("<svg") :].split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"\s*\n\s*", " ", body).replace("> <", "><")
    body = re.sub(r'<g id="([^"]*)">', lambda found: _group(found[1], titles), body)
    body = re.sub(r'style="[^"]*"', lambda found: _restyle(found[0]), body)
    return f'<svg {box[0] if box else ""} aria-hidden="true">{body}'


def _group(gid: str, titles: Mapping[str, str]) -> str:
    configuration = re.fullmatch(r"c(\d+)(?:-.*)?", gid)
    attribute = f' data-c="{configuration[1]}"' if configuration else ""
    return f"<g{attribute}>" + (f"<title>{escape(titles[gid])}</title>" if gid in titles else "")


def _restyle(style: str) -> str:
    style = re.sub(r"font-family: [^;\"]*;? ?", "", style)
    return style.replace(INK, "var(--ink)").replace(RULE, "var(--rule)")
