"""The same region of the reference, the input and every configuration's output, as images inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from percept_store.cube.layout import OK
from percept_store.errors import StoreError
from percept_store.report.configurations import Configuration
from percept_store.report.notation import Notation, notation
from percept_store.report.region import choose
from percept_store.report.scatter import pairs
from percept_store.report.source import Assessor, Run, Source

IMAGES = 4
TILES = 16
_FEW_TILES = 8
_THUMBNAIL = 220
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Tile:
    """One crop. `src`: a data URI, or "" where there is no picture, for which `note` gives the reason."""

    name: str
    src: str
    note: str
    scores: tuple[tuple[str, str], ...] = ()
    kind: str = "output"


@dataclass(frozen=True)
class Comparison:
    """One test image.

    side       width of a tile on the page: two for one
    box        the region's place in percent: left, top, width, height
    thumbnail  the whole image, a data URI
    """

    image: str
    size: str
    region: str
    side: int
    box: tuple[float, float, float, float]
    thumbnail: str
    tiles: tuple[Tile, ...]
    left_out: int
    has_reference: bool


def comparisons(source: Source, configurations: Sequence[Configuration]) -> list[Comparison]:
    """The first `IMAGES` test images of which an output is kept, up to `TILES` configurations each."""
    found: list[Comparison] = []
    for image in range(len(source.images)):
        if len(found) < IMAGES and (comparison := _compare(source, configurations, image)):
            found.append(comparison)
    return found


def illustrated(source: Source) -> int:
    """How many images have an output that is kept."""
    return int((source.outputs != "").any(axis=0).sum())


def _compare(source: Source, configurations: Sequence[Configuration], image: int) -> Comparison | None:
    members = [c for c in configurations if any(image in source.covered(run.index) for run in c.runs)]
    shown = members[:TILES]
    outputs = {c.index: picture for c in shown if (picture := _picture(source, _output(source, c, image))) is not None}
    if not outputs:
        return None
    reference = _picture(source, source.references[image])
    frame = reference if reference is not None else next(iter(outputs.values()))
    fitting = {index: picture for index, picture in outputs.items() if picture.shape == frame.shape}
    box = choose(frame, list(fitting.values()) or [frame], 128 if len(shown) <= _FEW_TILES else 96)
    tiles = [*_given(source, image, reference, frame, box, shown)]
    written = _notations(source, image, shown)
    tiles += [_tile(source, c, image, fitting.get(c.index), outputs.get(c.index), box, written) for c in shown]
    height, width = frame.shape[:2]
    top, left, rows, columns = box
    return Comparison(
        image=source.images[image],
        size=f"{width}×{height}",
        region=f"{columns}×{rows} pixels from ({left}, {top})",
        side=2 * columns,
        box=(100 * left / width, 100 * top / height, 100 * columns / width, 100 * rows / height),
        thumbnail=_thumbnail(frame),
        tiles=tuple(tiles),
        left_out=len(members) - len(shown),
        has_reference=reference is not None,
    )


def _output(source: Source, configuration: Configuration, image: int) -> str:
    return next((name for run in configuration.runs if (name := source.outputs[run.index, image])), "")


def _given(
    source: Source,
    image: int,
    reference: np.ndarray | None,
    frame: np.ndarray,
    box: Box,
    shown: Sequence[Configuration],
) -> list[Tile]:
    tiles = [Tile("reference", _cut(reference, box), "", kind="reference")] if reference is not None else []
    names = (source.inputs[run.index, image] for c in shown for run in c.runs)
    given = _picture(source, next((name for name in names if name), ""))
    if given is not None:
        height, width = frame.shape[:2]
        enlarged = np.asarray(Image.fromarray(given).resize((width, height), Image.Resampling.NEAREST))
        tiles.append(
            Tile("input", _cut(enlarged, box), f"{given.shape[1]}×{given.shape[0]}, pixels enlarged", kind="input")
        )
    return tiles


def _tile(
    source: Source,
    configuration: Configuration,
    image: int,
    fitting: np.ndarray | None,
    output: np.ndarray | None,
    box: Box,
    written: Mapping[int, Notation],
) -> Tile:
    run = _shown_run(source, configuration, image)
    scores = tuple(
        (assessor.label, written[assessor.index].text(source.score[run.index, assessor.index, image]))
        for assessor in judges(source.assessors)
        if source.status[run.index, assessor.index, image] == OK
    )
    if fitting is not None:
        return Tile(configuration.name, _cut(fitting, box), f"seed {run.seed}" if run.seed else "", scores)
    if output is not None:
        return Tile(configuration.name, "", f"the output has another size, {output.shape[1]}×{output.shape[0]}", scores)
    lost = "the output that was kept cannot be read" if source.outputs[run.index, image] else "no output was kept"
    return Tile(configuration.name, "", run.reason or lost, scores)


def _shown_run(source: Source, configuration: Configuration, image: int) -> Run:
    return next((run for run in configuration.runs if source.outputs[run.index, image]), configuration.runs[0])


def _notations(source: Source, image: int, shown: Sequence[Configuration]) -> dict[int, Notation]:
    """How each judge's scores are written under the pictures of one image, by the judge's place in the cube."""
    runs = [_shown_run(source, c, image).index for c in shown]
    found: dict[int, Notation] = {}
    for judge in judges(source.assessors):
        ok = source.status[runs, judge.index, image] == OK
        values = source.score[runs, judge.index, image][ok].tolist()
        found[judge.index] = notation(values, [(max if judge.higher else min)(values)] if values else [])
    return found


def judges(assessors: Sequence[Assessor]) -> list[Assessor]:
    """The two or three assessors whose scores stand under a picture: those of the first scatter plots."""
    chosen = [assessor for pair in pairs(assessors) for assessor in pair]
    return list(dict.fromkeys([*chosen, *assessors]))[:3]


def _picture(source: Source, name: str) -> np.ndarray | None:
    if not name:
        return None
    try:
        with Image.open(io.BytesIO(source.read(name))) as image:
            return np.asarray(image.convert("RGB"))
    except (StoreError, OSError):
        return None


def _cut(image: np.ndarray, box: Box) -> str:
    top, left, height, width = box
    return _data_uri(Image.fromarray(image[top : top + height, left : left + width]), "PNG", optimize=True)


def _thumbnail(image: np.ndarray) -> str:
    small = Image.fromarray(image)
    small.thumbnail((_THUMBNAIL * 2, _THUMBNAIL * 2), Image.Resampling.LANCZOS)
    return _data_uri(small, "JPEG", quality=82)


def _data_uri(image: Image.Image, kind: str, **options: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
