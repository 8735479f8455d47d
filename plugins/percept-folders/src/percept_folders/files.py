"""Folders of images by name, their hashes, and how to speak of what they lack."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from percept.contracts import DataError
from percept.images import find_images, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SHOWN = 5


def images_below(folder: str | Path, who: str, parameter: str, ending: str = "") -> dict[str, Path]:
    """Name below `folder`, without `ending` and the file's suffix → file, in the order of the names.

    Files whose names do not end so are left out. Raises DataError, in the name of `who`, that says to set `parameter`
    if the folder is absent or nothing is left, ImageError where two files have one name.
    """
    root = existing(folder, who, parameter)
    found = find_images(root)
    if not found:
        raise DataError(f"{who}: {root} holds no image; put images there or set `{parameter}`")
    kept = [path for path in found if path.stem.endswith(ending) and path.stem != ending]
    if not kept:
        has = listed([path.stem for path in found])
        raise DataError(f"{who}: {root} holds no image whose name ends in {ending!r}, only {has}; set `suffix`")
    named = dict(zip((name.removesuffix(ending) for name in names_of(kept, root)), kept, strict=True))
    return {name: named[name] for name in sorted(named)}


def existing(folder: str | Path, who: str, parameter: str) -> Path:
    """The folder, `~` expanded. Raises DataError that says to set `parameter` if there is none."""
    root = Path(folder)
    try:
        root = root.expanduser()
    except RuntimeError as error:
        raise DataError(f"{who}: {folder}: {error}; set `{parameter}`") from None
    if not root.is_dir():
        what = f"{root} is a file, not a folder" if root.exists() else f"no folder {root}"
        raise DataError(f"{who}: {what}; put images there or set `{parameter}`")
    return root


def partners(names: Iterable[str], folder: str, suffix: str, who: str) -> dict[str, Path]:
    """Name → the input that belongs to it, called `name + suffix` below `folder`.

    Raises DataError, in the name of `who`, that lists the names of those that are absent.
    """
    candidates = images_below(folder, who, "degraded")
    wanted = {name: name + suffix for name in names}
    absent = [partner for partner in wanted.values() if partner not in candidates]
    if absent:
        raise DataError(f"{who}: {folder} lacks {listed(absent)}; put them there or set `degraded_suffix`")
    return {name: candidates[partner] for name, partner in wanted.items()}


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def hash_of(files: Iterable[Mapping[str, Path]], *facts: str) -> str:
    """SHA-256 over each name with the SHA-256 of its file, and over the facts: not over where the files are."""
    named = [pair for each in files for pair in each.items()]
    with ThreadPoolExecutor(max_workers=4) as pool:
        digests = pool.map(sha256, (path for _, path in named))
        lines = [f"{name}\0{digest}\n" for (name, _), digest in zip(named, digests, strict=True)]
    return hashlib.sha256("".join([*lines, *facts]).encode()).hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file's content; raises DataError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
