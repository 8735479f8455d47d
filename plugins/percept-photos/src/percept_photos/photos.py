"""The colour photographs inside the scikit-image package (van der Walt et al., PeerJ 2014)."""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from percept.contracts import DataError, Sample
from percept.images import centre_crop, read_image

# The two views of the motorcycle are a stereo pair: both stand on one side, or the split would leak.
TRAIN = (
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
)
TEST = ("astronaut.png", "chelsea.png")
SPLITS = {"train": TRAIN, "test": TEST, "all": (*TRAIN, *TEST)}


class Photos:
    """Photographs (3, H, W) in [0, 1], sRGB, 300 to 1411 pixels a side; `train` has seven, `test` two, `all` nine.

    `crop` cuts the middle, so many pixels a side, out of each; 0 keeps them whole. Samples hold a target alone. Raises
    DataError if scikit-image, or one of its files, is absent, the split is unknown or the crop negative; `[i]` raises
    ImageError, naming the file, if it is damaged or smaller than the crop.
    """

    def __init__(self, split: Literal["train", "test", "all"] = "train", crop: int = 0) -> None:
        if split not in SPLITS:
            raise DataError(f"photos: no split {split!r}; it has {', '.join(SPLITS)}")
        if crop < 0:
            raise DataError(f"photos: crop is the side of the middle to cut out, or 0 for all, not {crop}")
        self.crop = crop
        folder = _folder()
        self._paths = [folder / name for name in SPLITS[split]]
        absent = [path.name for path in self._paths if not path.is_file()]
        if absent:
            raise DataError(f"photos: {folder} lacks {', '.join(absent)}; pip install --force-reinstall scikit-image")

    @property
    def ids(self) -> list[str]:
        return [path.stem for path in self._paths]

    def fingerprint(self) -> str:
        """SHA-256 over each photograph's name and the SHA-256 of its file, and over the crop if there is one."""
        return self._fingerprint

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Sample:
        path = self._paths[index]
        return Sample(id=path.stem, target=centre_crop(read_image(path), self.crop, path.name))

    @cached_property
    def _fingerprint(self) -> str:
        lines = [f"{path.stem}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in self._paths]
        cropped = [f"crop {self.crop}"] if self.crop else []
        return hashlib.sha256("".join(lines + cropped).encode()).hexdigest()


def _folder() -> Path:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("photos: scikit-image, which holds the photographs, is not installed; pip install scikit-image")
    return Path(spec.submodule_search_locations[0]) / "data"
