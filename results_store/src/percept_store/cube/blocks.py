"""From rows to arrays: the content of the cube's variables for some of its runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from percept_store.cube.axes import Register, assessor_axis, image_axis, positions
from percept_store.cube.factors import column_values, texts
from percept_store.cube.facts import Assessment, Row
from percept_store.cube.layout import NOT_RUN, OK, Type

_RANK = np.array([0, 2, 1, 1], dtype="u1")
"""By status: anything beats not_run, ok beats anything."""


@dataclass(frozen=True)
class Axes:
    """The assessors and the images of a cube, in order."""

    assessors: list[dict[str, Any]]
    images: list[dict[str, Any]]

    @classmethod
    def of(cls, assessors: Register, images: Register) -> Axes:
        """Labelled axes of what two registers hold."""
        return cls(assessor_axis(assessors), image_axis(images))

    @cached_property
    def assessor_at(self) -> dict[str, int]:
        """Assessor key → index."""
        return positions(self.assessors)

    @cached_property
    def image_at(self) -> dict[str, int]:
        """Image key → index."""
        return positions(self.images)


def run_columns(rows: Sequence[Row], factors: Mapping[str, Type]) -> dict[str, np.ndarray]:
    """The variables along `run` alone, for these rows."""
    headers = [row.header for row in rows]
    columns = {
        "run": texts([row.key for row in rows]),
        "recipe": texts([header.get("recipe", "") for header in headers]),
        "recipes": texts([", ".join(row.recipes) for row in rows]),
        "run_status": texts([header.get("status", "ok") for header in headers]),
        "reason": texts([header.get("reason", "") for header in headers]),
        "seconds": column_values([header.get("seconds") for header in headers], "f8"),
        "created": texts([header.get("created", "") for header in headers]),
    }
    chosen = {name: column_values([row.factors.get(name) for row in rows], kind) for name, kind in factors.items()}
    return {**columns, **chosen}


def axis_columns(axes: Axes) -> dict[str, np.ndarray]:
    """The variables along `assessor` or `image` alone."""

    def of(axis: list[dict[str, Any]], fact: str) -> np.ndarray:
        return texts([entry.get(fact) or "" for entry in axis])

    def number(axis: list[dict[str, Any]], fact: str, missing: float = np.nan) -> np.ndarray:
        values = [entry.get(fact) for entry in axis]
        return np.array([missing if value is None else value for value in values], dtype="f8")

    sizes = {
        side: np.array([entry.get(side) or 0 for entry in axes.images], dtype="i8") for side in ("height", "width")
    }
    return {
        "assessor": of(axes.assessors, "label"),
        "assessor_key": of(axes.assessors, "key"),
        "assessor_name": of(axes.assessors, "name"),
        "assessor_version": of(axes.assessors, "version"),
        "direction": of(axes.assessors, "direction"),
        "range_low": number(axes.assessors, "low", -np.inf),
        "range_high": number(axes.assessors, "high", np.inf),
        "reference_kind": of(axes.assessors, "reference"),
        "colour": of(axes.assessors, "colour"),
        "variant": of(axes.assessors, "variant"),
        "image": of(axes.images, "label"),
        "dataset": of(axes.images, "dataset"),
        "image_sha256": of(axes.images, "sha256"),
        **sizes,
        "mos": number(axes.images, "mos"),
        "mos_std": number(axes.images, "mos_std"),
        "distortion_type": of(axes.images, "distortion_type"),
        "rated_reference": of(axes.images, "rated_reference"),
        "reference": of(axes.images, "reference"),
    }


def cell_columns(rows: Sequence[Row], axes: Axes) -> dict[str, np.ndarray]:
    """The variables that assessments fill, for these rows."""
    shape = (len(rows), len(axes.assessors), len(axes.images))
    score, status = np.full(shape, np.nan), np.full(shape, NOT_RUN, dtype="u1")
    output, source = (np.full((shape[0], shape[2]), "", dtype=object) for _ in range(2))
    reasons = []
    for index, row in enumerate(rows):
        told: dict[tuple[int, int], str] = {}
        for assessment in row.assessments:
            places = [axes.image_at[key] for key in assessment.images]
            _join(assessment, axes, np.array(places, dtype=np.intp), score[index], status[index], told)
            _set_names(output[index], places, assessment.outputs)
            _set_names(source[index], places, assessment.inputs)
        reasons.append(_as_json(told, axes))
    return {"score": score, "status": status, "output": output, "input": source, "cell_reasons": texts(reasons)}


def _join(
    new: Assessment,
    axes: Axes,
    places: np.ndarray,
    score: np.ndarray,
    status: np.ndarray,
    told: dict[tuple[int, int], str],
) -> None:
    """Lay a newer assessment over (assessor, image) arrays: ok beats anything, then the newer."""
    for line, key in enumerate(new.assessors):
        at = axes.assessor_at[key]
        rank = _RANK[new.status[line]]
        wins = (rank >= _RANK[status[at, places]]) & (rank > 0)
        won = places[wins]
        score[at, won] = np.where(new.status[line, wins] == OK, new.score[line, wins], np.nan)
        status[at, won] = new.status[line, wins]
        if told or new.reasons:
            _retell(told, at, won, np.flatnonzero(wins), {i: r for (a, i), r in new.reasons.items() if a == line})


def _retell(
    told: dict[tuple[int, int], str], at: int, won: np.ndarray, lines: np.ndarray, reasons: Mapping[int, str]
) -> None:
    for image, place in zip(lines.tolist(), won.tolist(), strict=True):
        told.pop((at, place), None)
        if reasons.get(image):
            told[at, place] = reasons[image]


def _set_names(held: np.ndarray, places: list[int], names: Sequence[str]) -> None:
    for place, name in zip(places, names, strict=True):
        if name:
            held[place] = name


def _as_json(told: Mapping[tuple[int, int], str], axes: Axes) -> str:
    if not told:
        return ""
    nested: dict[str, dict[str, str]] = {}
    for (assessor, image), reason in sorted(told.items()):
        nested.setdefault(axes.assessors[assessor]["label"], {})[axes.images[image]["label"]] = reason
    return json.dumps(nested, ensure_ascii=False)
