"""Several ground truths for each image, a folder for each: Chen et al., "Human Guided Ground-truth Generation for
Realistic Image Super-resolution" (HGGT), CVPR 2023, arXiv:2303.13069.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from percept.contracts import LABELS, DataError, ImageError, Sample
from percept.images import read_image

from percept_folders.files import existing, hash_of, images_below, listed, partners
from percept_folders.labels import read_labels
from percept_folders.pairs import crop_to_multiple

if TYPE_CHECKING:
    from torch import Tensor


class Groups:
    """The images below `path/original`, each with its further ground truths, which lie in the folders beside that.

    path             folder of folders, one a ground truth; relative to the current directory, `~` is expanded
    original         the folder of the images that the others are further ground truths of
    labels           CSV file with columns image, target (a folder) and label (positive, similar or negative, beside
                     the original), or HGGT's folder of annotations; "": all are positive
    degraded         folder of the inputs that belong to them, matched by the originals' names
    degraded_suffix  what the inputs' names add to the originals'
    limit            use the first so many images only; 0: all

    In its folder a ground truth is called as the original, or that with the folder's name after it: `a_01` in `01`.
    A sample's `target` is the original; `targets` are the others, positive ones first, then in the order of the
    folders' names. Where there are inputs, all are cropped as the dataset `folder` does. `label`, the name that scores
    are kept under, is that of the folder. Raises DataError, in one line, if folders are absent or empty, ground truths,
    inputs or labels are missing, or a label is unknown, ImageError where two files have one name; `[i]` raises
    ImageError, naming the file, if it is damaged or of another size than its original.
    """

    def __init__(
        self,
        path: str,
        original: str = "original",
        labels: str = "",
        degraded: str = "",
        degraded_suffix: str = "",
        limit: int = 0,
    ) -> None:
        if limit < 0:
            raise DataError(f"groups: limit is the number of images to use, or 0 for all, not {limit}")
        root = existing(path, "groups", "path")
        self.label = root.resolve().name
        folders = _folders(root, original, degraded, labels)
        known = images_below(root / original, "groups", "original")
        self._ids = list(known)[: limit or None]
        self._originals = {name: known[name] for name in self._ids}
        self._further = _further(root, folders, self._ids)
        self._labels = read_labels(labels, known, self._ids, folders) if labels else {}
        self._degraded = partners(self._ids, degraded, degraded_suffix, "groups") if degraded else {}

    @property
    def ids(self) -> list[str]:
        return list(self._ids)

    def fingerprint(self) -> str:
        """SHA-256 over names, labels and the SHA-256 of every file; it does not depend on where the folders are."""
        return self._fingerprint

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> Sample:
        name = self._ids[index]
        original = read_image(self._originals[name])
        ordered = sorted(self._further, key=lambda folder: LABELS.index(self._label(folder, name)))
        further = [_of_size(self._further[folder][name], original) for folder in ordered]
        labels = tuple(self._label(folder, name) for folder in ordered)
        if name not in self._degraded:
            return Sample(id=name, target=original, targets=tuple(further), labels=labels)
        degraded = read_image(self._degraded[name])
        target, *others = (crop_to_multiple(image, degraded, self._degraded[name]) for image in (original, *further))
        return Sample(id=name, target=target, degraded=degraded, targets=tuple(others), labels=labels)

    def _label(self, folder: str, name: str) -> str:
        return self._labels.get((folder, name), LABELS[0])

    @cached_property
    def _fingerprint(self) -> str:
        further = [
            {f"{folder}\0{name}": file for name, file in files.items()} for folder, files in self._further.items()
        ]
        labels = [f"{folder}\0{name}\0{self._label(folder, name)}\n" for folder in self._further for name in self._ids]
        return hash_of([self._originals, *further, self._degraded], *labels)


def _folders(root: Path, original: str, *others: str) -> list[str]:
    """The folders of further ground truths: all in `root` but the original's and those that `others` name."""
    elsewhere = {Path(other).expanduser().resolve() for other in others if other}
    found = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if original not in found:
        raise DataError(f"groups: {root} has no folder {original!r}, only {listed(found) or 'none'}; set `original`")
    further = [name for name in found if name != original and (root / name).resolve() not in elsewhere]
    if not further:
        raise DataError(
            f"groups: {root} has no ground truths beside {original!r}; put each into a folder of its own there"
        )
    return further


def _further(root: Path, folders: list[str], names: list[str]) -> dict[str, dict[str, Path]]:
    """Folder → name of the original → the ground truth in that folder."""
    found: dict[str, dict[str, Path]] = {}
    absent = []
    for folder in folders:
        candidates = images_below(root / folder, "groups", "path")
        called = {name: name if name in candidates else f"{name}_{folder}" for name in names}
        absent += [f"{folder}/{name}" for name in names if called[name] not in candidates]
        found[folder] = {name: candidates[called[name]] for name in names if called[name] in candidates}
    if absent:
        raise DataError(f"groups: {root} lacks {listed(absent)}; put them there, or set `limit`")
    return found


def _of_size(path: Path, original: Tensor) -> Tensor:
    image = read_image(path)
    if image.shape != original.shape:
        sizes = [f"{each.shape[-1]}×{each.shape[-2]}" for each in (image, original)]
        raise ImageError(f"{path}: {sizes[0]} pixels, its original {sizes[1]}; they must agree")
    return image
