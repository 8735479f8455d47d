"""Scores of image files as a table, JSON or CSV, and what there is to say of those that are missing."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from percept.cli.output import json_text, table_lines

if TYPE_CHECKING:
    from percept.stages.files import Assessed, Judged

Row = dict[str, Any]
_NARROWEST = 12


def as_table(assessed: Assessed, width: int | None = None) -> str:
    """A line an image, then one a set with its means; without the set's name where there is only one.

    Where that is wider than `width`, names are shortened, and the assessors stand in several tables.
    """
    heads = _heads(assessed)
    images = [
        _row(assessed, one.candidate.set, one.candidate.image, zip(heads, _values(one), strict=True))
        for one in assessed.images
    ]
    return _fitted([*images, *_means(assessed, heads)] if len(images) > 1 else images, len(images), heads, width)


def means_table(assessed: Assessed, width: int | None = None) -> str:
    """A line a set with its means alone."""
    heads = _heads(assessed)
    return _fitted(_means(assessed, heads), 0, heads, width)


def as_json(assessed: Assessed) -> str:
    """An object with the assessors, the sets with their means, and the images; null for a score that is missing."""
    labels = [one["label"] for one in assessed.assessors]
    told = ("label", "key", "name", "version", "direction", "variant")
    return json_text(
        {
            "assessors": [{key: one[key] for key in told} for one in assessed.assessors],
            "sets": [_set(assessed, name, labels) for name in assessed.sets],
            "images": [_image(one, labels) for one in assessed.images],
        }
    )


def as_csv(assessed: Assessed) -> str:
    """A line an image: set, image, a column an assessor, and why one is empty."""
    labels = [one["label"] for one in assessed.assessors]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["set", "image", *labels, "problem"])
    for one in assessed.images:
        said = (why if what == "image" else f"{what}: {why}" for what, why in _problems(one, labels).items())
        writer.writerow([one.candidate.set, one.candidate.image, *_values(one), "; ".join(said)])
    return stream.getvalue().rstrip("\n")


def _heads(assessed: Assessed) -> list[str]:
    return [f"{one['label']} {'↑' if one['direction'] == 'higher' else '↓'}" for one in assessed.assessors]


def _means(assessed: Assessed, heads: Sequence[str]) -> list[Row]:
    """A set's means, over the images that have a score; how many these are, where not all have."""
    rows = []
    for name in assessed.sets:
        columns = assessed.values(name)
        means = [statistics.fmean(values) if values else None for values in columns]
        rows.append(_row(assessed, name, _over(assessed, name, columns), zip(heads, means, strict=True)))
    return rows


def _set(assessed: Assessed, name: str, labels: Sequence[str]) -> Row:
    columns = dict(zip(labels, assessed.values(name), strict=True))
    return {
        "set": name,
        "images": len(assessed.of(name)),
        "scored": {label: len(values) for label, values in columns.items()},
        "mean": {label: statistics.fmean(values) if values else None for label, values in columns.items()},
    }


def _image(one: Judged, labels: Sequence[str]) -> Row:
    return {
        "set": one.candidate.set,
        "image": one.candidate.image,
        "path": str(one.candidate.path),
        "reference": str(one.reference) if one.reference else None,
        "scores": dict(zip(labels, _values(one), strict=True)),
        "problems": _problems(one, labels),
    }


def _problems(one: Judged, labels: Sequence[str]) -> dict[str, str]:
    """Assessor → why it gave no score; under `image`, what is wrong with the image as a whole."""
    single = {label: s.reason for label, s in zip(labels, one.scores, strict=True) if s.reason not in ("", one.problem)}
    return {"image": one.problem, **single} if one.problem else single


def _values(one: Judged) -> list[float | None]:
    return [score.value if score.ok else None for score in one.scores]


def _row(assessed: Assessed, name: str, image: str, values: Iterator[tuple[str, Any]]) -> Row:
    return {**({"set": name} if len(assessed.sets) > 1 else {}), "image": image, **dict(values)}


def _over(assessed: Assessed, name: str, columns: Sequence[Sequence[float]]) -> str:
    fewest, most, all_of_them = min(map(len, columns)), max(map(len, columns)), len(assessed.of(name))
    if fewest == all_of_them:
        return "mean"
    return f"mean of {fewest if fewest == most else f'{fewest}–{most}'} of {all_of_them}"


def _fitted(rows: Sequence[Row], images: int, heads: Sequence[str], width: int | None) -> str:
    rows = _shortened(rows, width)
    tables = (_with_rule(rows, images, columns) for columns in _columns(rows, heads, width))
    return "\n\n".join("\n".join(lines) for lines in tables)


def _with_rule(rows: Sequence[Mapping[str, Any]], images: int, columns: Sequence[str]) -> Iterator[str]:
    """A table's lines, with a rule between images and means."""
    lines = list(table_lines(rows, columns))
    yield from lines[: images + 1]
    if 0 < images < len(rows):
        yield "─" * max(map(len, lines))
    yield from lines[images + 1 :]


def _shortened(rows: Sequence[Row], width: int | None) -> list[Row]:
    """Long names without their beginning, if the table is too wide with them."""
    if width is None or max(map(len, table_lines(rows))) <= width:
        return list(rows)
    others = max(len(line) for line in table_lines([{**row, "image": ""} for row in rows])) - len("image")
    room = max(_NARROWEST, width - others)
    return [{**row, "image": _cut(row["image"], room)} for row in rows]


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else "…" + name[len(name) - room + 1 :]


def _columns(rows: Sequence[Row], heads: Sequence[str], width: int | None) -> Iterator[list[str]]:
    """The columns of each table, as many in one as fit."""
    names = [column for column in rows[0] if column not in heads]
    taken: list[str] = []
    for head in heads:
        wide = max(map(len, table_lines(rows, [*names, *taken, head])))
        if taken and width is not None and wide > width:
            yield [*names, *taken]
            taken = []
        taken.append(head)
    yield [*names, *taken]
