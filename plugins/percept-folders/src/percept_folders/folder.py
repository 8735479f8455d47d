"""A folder of images as a dataset, or two folders as pairs."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from percept.contracts import DataError, Sample
from percept.images import centre_crop, find_images, names_of, read_image

from percept_folders.pairs import crop_to_multiple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN = 5


class Folder:
    """The images below `path`, in the order of their names; targets (3, H, W) in [0, 1].

    path             folder of targets; relative to the current directory, `~` is expanded
    degraded         folder of the inputs that belong to them, matched by the name below each folder without its
                     suffix: samples are then pairs
    degraded_suffix  what the inputs' names add to the targets': `x2` where `baby.png` belongs to `babyx2.png`
    limit            use the first so many images only; 0: all
    crop             cut the middle, so many pixels a side, out of each; 0: keep them whole; not beside `degraded`

    `label`, under which scores are kept unless the recipe gives one, is the name of the folder.
    A target that is less than one input pixel too large for a whole magnification is cropped at the bottom and right,
    as the super-resolution literature does. Raises DataError if a folder is absent, holds no image, or lacks
    partners, ImageError where two files have one name; `[i]` raises ImageError, naming the file, if it is damaged,
    or where the two sizes do not belong together.
    """

    def __init__(self, path: str, degraded: str = "", degraded_suffix: str = "", limit: int = 0, crop: int = 0) -> None:
        if limit < 0:
            raise DataError(f"folder: limit is the number of images to use, or 0 for all, not {limit}")
        if crop < 0 or (crop and degraded):
            raise DataError(f"folder: crop {crop}: give the side of the middle to cut out, and no `degraded` beside it")
        self.crop = crop
        self._targets = _images(path, "path", limit)
        self.label = Path(path).expanduser().resolve().name
        self._degraded = _partners(self._targets, degraded, degraded_suffix) if degraded else {}
        self._ids = list(self._targets)

    @property
    def ids(self) -> list[str]:
        return list(self._ids)

    def fingerprint(self) -> str:
        """SHA-256 over each sample's name and its files' SHA-256; it does not depend on where the folders are."""
        return self._fingerprint

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int) -> Sample:
        name = self._ids[index]
        target = centre_crop(read_image(self._targets[name]), self.crop, str(self._targets[name]))
        if name not in self._degraded:
            return Sample(id=name, target=target)
        degraded = read_image(self._degraded[name])
        return Sample(id=name, target=crop_to_multiple(target, degraded, self._degraded[name]), degraded=degraded)

    @cached_property
    def _fingerprint(self) -> str:
        files = [*self._targets.items(), *self._degraded.items()]
        with ThreadPoolExecutor(max_workers=4) as pool:
            digests = pool.map(_sha256, (path for _, path in files))
            lines = [f"{name}\0{digest}\n" for (name, _), digest in zip(files, digests, strict=True)]
        cropped = [f"crop {self.crop}"] if self.crop else []
        return hashlib.sha256("".join(lines + cropped).encode()).hexdigest()


def _images(folder: str, parameter: str, limit: int = 0) -> dict[str, Path]:
    root = _existing(folder, parameter)
    found = find_images(root)
    if not found:
        raise DataError(f"folder: {root} holds no image; put images there or set `{parameter}`")
    named = dict(zip(names_of(found, root), found, strict=True))
    return {name: named[name] for name in sorted(named)[: limit or None]}


def _existing(folder: str, parameter: str) -> Path:
    root = Path(folder)
    try:
        root = root.expanduser()
    except RuntimeError as error:
        raise DataError(f"folder: {folder}: {error}; set `{parameter}`") from None
    if not root.is_dir():
        what = f"{root} is a file, not a folder" if root.exists() else f"no folder {root}"
        raise DataError(f"folder: {what}; put images there or set `{parameter}`")
    return root


def _partners(targets: Mapping[str, Path], folder: str, suffix: str) -> dict[str, Path]:
    candidates = _images(folder, "degraded")
    absent = [name + suffix for name in targets if name + suffix not in candidates]
    if absent:
        raise DataError(f"folder: {folder} lacks {_listed(absent)}; put them there or set `degraded_suffix`")
    return {name: candidates[name + suffix] for name in targets}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
