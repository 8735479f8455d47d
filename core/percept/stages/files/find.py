"""From what people type to image files: folders, files and patterns, as sets of images that belong together."""

from __future__ import annotations

import glob
import os.path
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from percept.errors import InputError
from percept.images import SUFFIXES, find_images

_WILD = ("*", "?", "[")


@dataclass(frozen=True)
class ImageSet:
    """The images of one origin, such as a method's outputs. `images`: name → file."""

    name: str
    images: Mapping[str, Path]


def find_sets(paths: Sequence[str | Path], names: Sequence[str] = ()) -> list[ImageSet]:
    """The sets that `paths` stand for, in that order, called `names` or, without any, as their folders are.

    A folder is a set, whatever depth its images have. Files are sets by the folder that they are in. A pattern with
    `*`, `?` or `[…]` stands for what a shell would put in its place; where `**` goes down through folders, the folder
    before it is the set. An image's name is its path below the set's folder, without its suffix.

    Raises InputError if a path is absent, holds no image, or if there are more or fewer names than sets.
    """
    found: dict[Path, dict[Path, None]] = {}
    for text in paths:
        for root, file in expand(text):
            found.setdefault(root, {})[file] = None
    if names and len(names) != len(found):
        roots = ", ".join(map(str, found))
        raise InputError(f"--name: {len(names)} names for {len(found)} sets of images ({roots}); give one for each")
    if len(set(names)) < len(names):
        raise InputError(f"--name: {', '.join(names)}: give each set a name of its own")
    chosen = names or _short(list(found))
    return [ImageSet(name, named(files, root)) for name, (root, files) in zip(chosen, found.items(), strict=True)]


def expand(text: str | Path) -> Iterator[tuple[Path, Path]]:
    """(folder of the set, file) of every image that a folder, file or pattern stands for; errors as in `find_sets`."""
    path = Path(os.path.normpath(Path(text).expanduser()))
    if path.is_dir():
        yield from _below(path)
    elif path.exists():
        yield path.parent, path
    elif any(sign in str(text) for sign in _WILD):
        matches = list(_matches(path))
        if not matches:
            raise InputError(f"{text}: no image fits this pattern")
        yield from matches
    else:
        raise InputError(f"{text}: no such file or folder")


def named(files: Iterable[Path], root: Path) -> dict[str, Path]:
    """Name below `root` → file; those that differ in nothing but their suffix keep it."""
    stems = {file: file.relative_to(root).with_suffix("").as_posix() for file in files}
    taken = Counter(stems.values())
    return {stem if taken[stem] == 1 else file.relative_to(root).as_posix(): file for file, stem in stems.items()}


def _below(root: Path) -> Iterator[tuple[Path, Path]]:
    images = find_images(root)
    if not images:
        raise InputError(f"{root}: no images in this folder")
    yield from ((root, image) for image in images)


def _matches(pattern: Path) -> Iterator[tuple[Path, Path]]:
    if "**" in pattern.parts:
        deep = pattern.parts.index("**")
        before, after = Path(*pattern.parts[:deep]), Path(*pattern.parts[deep + 1 :])
        for root in _sorted_glob(before):
            below = _sorted_glob(Path(glob.escape(str(root)), "**", "*" if after == Path() else after))
            yield from ((root, file) for file in below if _is_image(file))
        return
    for found in _sorted_glob(pattern):
        if found.is_dir():
            yield from ((found, image) for image in find_images(found))
        elif _is_image(found):
            yield found.parent, found


def _sorted_glob(pattern: Path) -> list[Path]:
    return sorted(Path(found) for found in glob.glob(str(pattern), recursive=True))  # noqa: PTH207  # pathlib's is relative


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _short(roots: Sequence[Path]) -> list[str]:
    """The last parts of each path, as many as it takes to tell them apart."""
    parts = [root.resolve().parts for root in roots]
    for depth in range(1, max(map(len, parts), default=0)):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(root) for root in roots]
