"""Images that people rated, listed in a CSV file."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from percept.contracts import DataError, ImageError, Rating, Sample
from percept.images import read_image


class Row(NamedTuple):
    """A line of the file: where image and reference are, and what people said."""

    image: Path
    reference: Path
    rating: Rating


class Rated:
    """Rated images with their references: `target` is the reference, `degraded` the image that people saw.

    path             CSV file with a header; relative to the current directory, `~` is expanded
    root             folder that its file names are relative to; default: the folder of the CSV file
    image            column with the rated image's file
    reference        column with its reference's file
    score            column with the mean opinion
    std              column with the opinions' standard deviation; "": there is none
    distortion       column with what was done to the image; "": there is none
    lower_is_better  people rated differences (DMOS): scores are kept negated, so that higher is better

    An image's id is its file name in the CSV, without the suffix; `label`, the name that scores are kept under, is that
    of the CSV file's folder. Raises DataError, in one line, if the file is absent, not a table, lacks a column, names
    an image twice, or has a score that is no number; `[i]` raises ImageError if an image is absent or damaged, or
    differs in size from its reference.
    """

    def __init__(
        self,
        path: str,
        root: str = "",
        image: str = "image",
        reference: str = "reference",
        score: str = "mos",
        std: str = "",
        distortion: str = "",
        lower_is_better: bool = False,
    ) -> None:
        self._path = Path(path).expanduser()
        self._root = Path(root).expanduser() if root else self._path.parent
        self._columns = {"image": image, "reference": reference, "score": score, "std": std, "distortion": distortion}
        self._sign = -1.0 if lower_is_better else 1.0
        self.label = self._path.resolve().parent.name
        self._rows = self._read()

    @property
    def ids(self) -> list[str]:
        return list(self._rows)

    def fingerprint(self) -> str:
        """SHA-256 over ids, ratings and the SHA-256 of every file; it does not depend on where they are."""
        return self._fingerprint

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        name = self.ids[index]
        row = self._rows[name]
        target, degraded = read_image(row.reference), read_image(row.image)
        if target.shape != degraded.shape:
            sizes = [f"{image.shape[-1]}×{image.shape[-2]}" for image in (degraded, target)]
            raise ImageError(f"{row.image}: {sizes[0]} pixels, its reference {sizes[1]}; they must agree")
        return Sample(id=name, target=target, degraded=degraded, rating=row.rating)

    @cached_property
    def _fingerprint(self) -> str:
        digest = cache(_sha256)  # many images share a reference
        lines = []
        for name, row in self._rows.items():
            digests = [digest(file) for file in (row.image, row.reference)]
            lines.append(f"{name}\0{row.rating!r}\0{digests}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _read(self) -> dict[str, Row]:
        try:
            with self._path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file, strict=True)
                self._require_columns(list(reader.fieldnames or ()))
                return self._named((reader.line_num, line) for line in reader)
        except OSError as error:
            raise DataError(f"rated: {self._path}: {error.strerror}; set `path` to the CSV file") from None
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"rated: {self._path}: not a CSV file ({error})") from None

    def _require_columns(self, present: list[str]) -> None:
        for parameter, column in self._columns.items():
            if column and column not in present:
                has = ", ".join(present) or "no header"
                raise DataError(f"rated: {self._path} has no column {column!r}, only {has}; set `{parameter}`")

    def _named(self, lines: Iterable[tuple[int, dict[str, str]]]) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for number, line in lines:
            name = Path(line[self._columns["image"]]).with_suffix("").as_posix()
            if name in rows:
                raise DataError(f"rated: {self._path}:{number}: {name} is listed twice")
            rows[name] = self._row(number, line)
        if not rows:
            raise DataError(f"rated: {self._path} lists no image")
        return rows

    def _row(self, number: int, line: dict[str, str]) -> Row:
        columns = self._columns
        mos = self._sign * self._number(number, line[columns["score"]])
        std = self._number(number, line[columns["std"]]) if columns["std"] else math.nan
        image, reference = (self._root / line[columns[what]] for what in ("image", "reference"))
        kind = line[columns["distortion"]] if columns["distortion"] else ""
        name = Path(line[columns["reference"]]).with_suffix("").as_posix()
        return Row(image, reference, Rating(mos, std, name, kind))

    def _number(self, line: int, text: str) -> float:
        try:
            value = float(text)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"rated: {self._path}:{line}: {text!r} is not a number")
        return value


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"rated: {path}: {error.strerror}; put it there or set `root`") from None
