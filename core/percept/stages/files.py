"""Scores of image files made elsewhere, matched with references by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from percept.errors import ImageError, InputError
from percept.images import find_images, read_image
from percept.stages.scoring import OK, Judge, Options, build_assessors


@dataclass
class FileScores:
    """One image's scores by assessor, None where there is none, and the reasons for that."""

    name: str
    values: dict[str, float | None] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def assess_files(
    paths: Sequence[Path], reference: Path | None, names: Sequence[str], crop_border: int = 0
) -> Iterator[FileScores]:
    """Score every image below `paths`; one that cannot be read, or has no partner, is reported and passed over.

    `reference` is an image for all, or a folder that holds an image of the same relative path, or of the same name,
    whatever its suffix. Raises InputError if a path is absent, ComponentError if an assessor is unknown.
    """
    judges = build_assessors([{"use": n, "parameters": {}} for n in names], Options(crop_border))
    if reference is None and any(j.spec and j.spec.reference == "full" for j in judges):
        wanting = next(j.facts["label"] for j in judges if j.spec and j.spec.reference == "full")
        raise InputError(f"{wanting} compares with a reference: give --reference")
    partners = _partners(reference) if reference else {}
    for name, path in _files(paths):
        scores = FileScores(str(path))
        try:
            image = read_image(path)[None]
            target = _partner(name, reference, partners, image)
        except ImageError as error:
            scores.values = {j.facts["label"]: None for j in judges}
            scores.problems = {"image": str(error)}
        else:
            _fill(scores, judges, image, target)
        yield scores


def _fill(scores: FileScores, judges: Sequence[Judge], image: Tensor, target: Tensor | None) -> None:
    for judge in judges:
        score = judge.score(image, target)
        label = judge.facts["label"]
        scores.values[label] = score.value if score.status == OK else None
        if score.status != OK:
            scores.problems[label] = score.reason


def _files(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    for path in paths:
        if path.is_dir():
            found = find_images(path)
            if not found:
                raise InputError(f"{path}: no images in this folder")
            yield from ((p.relative_to(path).with_suffix("").as_posix(), p) for p in found)
        elif path.exists():
            yield path.stem, path
        else:
            raise InputError(f"{path}: no such file or folder")


def _partners(reference: Path) -> dict[str, Path]:
    if not reference.exists():
        raise InputError(f"{reference}: no such file or folder")
    if reference.is_file():
        return {"": reference}
    return {p.relative_to(reference).with_suffix("").as_posix(): p for p in find_images(reference)}


def _partner(name: str, reference: Path | None, partners: dict[str, Path], image: Tensor) -> Tensor | None:
    if reference is None:
        return None
    path = partners.get("") or partners.get(name) or partners.get(Path(name).name)
    if path is None:
        raise ImageError(f"no image called {name} in {reference}")
    target = read_image(path)[None]
    if target.shape != image.shape:
        sizes = [f"{t.shape[-1]}×{t.shape[-2]}" for t in (image, target)]
        raise ImageError(f"is {sizes[0]}, its reference {path} is {sizes[1]}: make them the same size")
    return target
