"""The page: everything that is said about the store, put into the template."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from percept_store.report import columns, crops, curves, lives, notation, palette, provenance, scatter, scores
from percept_store.report.configurations import RECIPE, Configuration, Design, group
from percept_store.report.source import Assessor, Source

LISTED = 200


def render(source: Source) -> str:
    """The whole HTML page; equal stores give equal pages."""
    environment = Environment(
        loader=PackageLoader("percept_store.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    text = {name: environment.get_template(f"report.{name}").render() for name in ("css", "js")}
    digest = base64.b64encode(hashlib.sha256(text["js"].encode()).digest()).decode("ascii")
    template = environment.get_template("report.html")
    # Both files are this package's own: nothing of a record is ever put into them.
    return template.render(css=Markup(text["css"]), js=Markup(text["js"]), js_digest=digest, **_content(source))


def _content(source: Source) -> dict[str, Any]:
    design = group(source.runs)
    looks = palette.encode(design)
    tables = scores.tables(source, design)
    failures = provenance.failures(source, design)
    return {
        "source": source,
        "design": design,
        "title": ", ".join(dict.fromkeys(recipe for run in source.runs for recipe in run.recipes)) or source.name,
        "when": _when([run.created for run in source.runs if run.created]),
        "ok": sum(run.ok for run in source.runs),
        "seconds": sum(run.seconds for run in source.runs if run.seconds == run.seconds),
        "tables": tables,
        "lives": None if source.cube is None else lives.lives(source.cube),
        "curves": curves.curves(design, looks),
        "scatter": scatter.scatter(source, _comparable(design, tables), tables[0].images, looks),
        "looks": looks,
        "comparisons": crops.comparisons(source, design.configurations),
        "illustrated": crops.illustrated(source),
        "failures": failures[:LISTED],
        "failures_left_out": max(len(failures) - LISTED, 0),
        "facts": provenance.facts(source.runs),
        "commands": provenance.commands(source.runs),
        "varied": varied(design),
        "alike": alike(design),
        "fixed": columns.fixed(design),
        "ranks": {name: {v: rank for rank, v in enumerate(design.values(name))} for name in design.varied},
        "several": len({recipe for c in design.configurations for recipe in c.recipes}) > 1,
        "sets": len({table.images for table in tables}),
        "seeded": any(len(c.runs) > 1 for c in design.configurations),
        "partial": any(cell.partial for table in tables for row in table.rows for cell in row.cells),
        "named": lambda images: _listed([source.images[image] for image in images], 6),
        "about": _about,
        "bounds": _bounds,
        "duration": _duration,
        "javascript": _javascript,
    }


def varied(design: Design) -> list[tuple[str, str]]:
    """Each factor that has several values, with these in words, without the runs to which it does not apply."""
    found = {factor: _told(design, factor) for factor in design.varied}
    return [(factor, _listed(values, 8)) for factor, values in found.items() if len(values) > 1]


def alike(design: Design) -> list[tuple[str, str]]:
    """Each factor that has one value wherever it applies, but does not apply everywhere."""
    found = {factor: _told(design, factor) for factor in design.varied}
    return [(factor, values[0]) for factor, values in found.items() if len(values) == 1]


def _told(design: Design, factor: str) -> list[str]:
    # A run that no recipe made differs from those of a recipe; what does not apply is not another value.
    return [value or "no recipe" for value in design.values(factor) if value or factor == RECIPE]


def _comparable(design: Design, tables: Sequence[scores.Table]) -> list[Configuration]:
    """What was assessed on the images of the first table."""
    shown = {row.configuration.index for table in tables if table.images == tables[0].images for row in table.rows}
    return [c for c in design.configurations if c.index in shown]


def _listed(values: Sequence[str], most: int) -> str:
    shown = ", ".join(values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


def _when(created: Sequence[str]) -> str:
    days = sorted(moment[:10] for moment in created)
    if not days:
        return ""
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _about(assessor: Assessor) -> str:
    facts = (
        f"{assessor.name} {assessor.version}",
        assessor.variant,
        assessor.colour,
        f"{assessor.reference} reference",
    )
    return "; ".join(fact for fact in (*facts, assessor.direction) if fact)


def _bounds(assessor: Assessor) -> str:
    low, high = (
        notation.number(bound, 0) if bound % 1 == 0 or math.isinf(bound) else f"{bound:g}"
        for bound in (assessor.low, assessor.high)
    )
    return f"{low} to {high}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _javascript(value: float) -> str:
    return repr(value).replace("inf", "Infinity")
