"""A folder of images as a dataset, or two folders as pairs."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from pathlib import Path

from percept.contracts import DataError, Sample
from percept.images import centre_crop, read_image

from percept_folders.files import hash_of, images_below, partners
from percept_folders.pairs import crop_to_multiple


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
        self._targets = dict(islice(images_below(path, "folder", "path").items(), limit or None))
        self.label = Path(path).expanduser().resolve().name
        self._degraded = partners(self._targets, degraded, degraded_suffix, "folder") if degraded else {}
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
        return hash_of([self._targets, self._degraded], *([f"crop {self.crop}"] if self.crop else []))
