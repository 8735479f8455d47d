"""What people said of further ground truths: a CSV file, or the annotations that HGGT is published with."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from percept.contracts import LABELS, DataError

from percept_folders.files import listed

COLUMNS = ("image", "target", "label")

Labels = dict[tuple[str, str], str]


def read_labels(path: str, known: Collection[str], wanted: Sequence[str], targets: Sequence[str]) -> Labels:
    """(target, image) → positive, similar or negative, for each wanted image and each target.

    `known` are all images that a file may name. Raises DataError, in one line, if it is absent, cannot be read, names
    what there is not, has a label of another kind, or says nothing of a wanted image.
    """
    place = Path(path).expanduser()
    labels = _annotated(place, wanted, targets) if place.is_dir() else _listed(place, known, targets)
    absent = [f"{target}/{image}" for image in wanted for target in targets if (target, image) not in labels]
    if absent:
        raise DataError(f"groups: {place} has no label for {listed(absent)}; add them")
    return labels


def _listed(file: Path, known: Collection[str], targets: Sequence[str]) -> Labels:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            _require_columns(file, list(reader.fieldnames or ()))
            return _rows(file, ((reader.line_num, line) for line in reader), known, targets)
    except OSError as error:
        raise DataError(f"groups: {file}: {error.strerror}; set `labels` to the CSV file") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"groups: {file}: not a CSV file ({error})") from None


def _require_columns(file: Path, present: Sequence[str]) -> None:
    absent = [column for column in COLUMNS if column not in present]
    if absent:
        has = ", ".join(present) or "no header"
        raise DataError(f"groups: {file} has no column {absent[0]!r}, only {has}; it needs {', '.join(COLUMNS)}")


def _rows(
    file: Path, lines: Iterable[tuple[int, Mapping[str, str | None]]], known: Collection[str], targets: Sequence[str]
) -> Labels:
    labels: Labels = {}
    for number, line in lines:
        image, target, text = (line[column] or "" for column in COLUMNS)
        if image not in known:
            image = Path(image).with_suffix("").as_posix()
        where = f"groups: {file}:{number}"
        if image not in known:
            raise DataError(f"{where}: there is no image {line['image']!r}; correct it or take the line out")
        if target not in targets:
            raise DataError(f"{where}: there is no ground truth {target!r}, only {listed(targets)}")
        if (target, image) in labels:
            raise DataError(f"{where}: {target}/{image} is labelled twice")
        labels[target, image] = _label(text, where)
    return labels


def _annotated(folder: Path, images: Sequence[str], targets: Sequence[str]) -> Labels:
    """HGGT's own: a folder for each annotator, a JSON file for each image, in it a `Label` for each picture.

    Picture 1 is the original, the others are the targets in order. What more than half of the annotators say counts;
    where no label has so many, the two are similar.
    """
    people = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not people:
        raise DataError(f"groups: {folder} has no folder of an annotator; set `labels` to what holds A, B and C")
    labels: Labels = {}
    for image in images:
        said = [_said(person / f"{image}.json", len(targets)) for person in people]
        for target, opinions in zip(targets, zip(*said, strict=True), strict=True):
            label, count = Counter(opinions).most_common(1)[0]
            labels[target, image] = label if 2 * count > len(people) else LABELS[1]
    return labels


def _said(file: Path, count: int) -> list[str]:
    """The labels of pictures 2 to `count + 1`."""
    try:
        content: Any = json.loads(file.read_text("utf-8"))
        return [_label(str(content[f"Picture_{number}"]["Label"]), f"groups: {file}") for number in range(2, count + 2)]
    except OSError as error:
        raise DataError(f"groups: {file}: {error.strerror}; put it there or set `labels`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"groups: {file}: {type(error).__name__}: {error}; it needs a Label for {count} pictures"
        ) from None


def _label(text: str, where: str) -> str:
    label = text.strip().lower()
    if label not in LABELS:
        raise DataError(f"{where}: label {text!r} is none of {', '.join(LABELS)}")
    return label
