"""Outputs made elsewhere as a generator: the one that belongs to an image is found by the image's name."""

from __future__ import annotations

from functools import cached_property

from percept.errors import ImageError
from percept.images import read_image
from torch import Tensor, nn

from percept_folders.files import hash_of, images_below, listed


class Outputs(nn.Module):
    """The images below `path`, each the output for the sample of its name; there is nothing to train.

    path    folder of outputs; relative to the current directory, `~` is expanded
    suffix  what the outputs' names add to the samples' ids: `_SUPIR` where `0801_SUPIR.png` belongs to `0801`; files
            whose names do not end so are none of them

    An output lies below `path` as its sample's id says, sub-folders included, whatever the file format. Raises
    DataError, in one line, if the folder is absent or holds no such image, ImageError where two files have one name.
    """

    def __init__(self, path: str, suffix: str = "") -> None:
        super().__init__()
        self.path, self.suffix = path, suffix
        self._files = images_below(path, "folder", "path", suffix)

    @property
    def ids(self) -> list[str]:
        """The ids of the samples that have an output, in order."""
        return list(self._files)

    def fingerprint(self) -> str:
        """SHA-256 over each id with the SHA-256 of its output's file; it does not depend on where the folder is."""
        return self._fingerprint

    def named(self, name: str) -> Tensor:
        """The output for the sample of that id, (1, 3, H, W) in [0, 1].

        Raises ImageError, in one line that names the file, if there is none or it is damaged.
        """
        if name not in self._files:
            raise ImageError(
                f"folder: {self.path} holds no {name}{self.suffix}.png or the like{self._instead(name)}; "
                "put it there or set `suffix`"
            )
        return read_image(self._files[name])[None]

    def forward(self, degraded: Tensor) -> Tensor:
        """No image has an output, a name has: raises ImageError."""
        raise ImageError(
            f"folder: outputs made elsewhere belong to names, not to images of {tuple(degraded.shape)}; ask `named(id)`"
        )

    def _instead(self, name: str) -> str:
        longer = [known + self.suffix for known in self._files if known.startswith(name)]
        return f", but {listed(longer)}" if longer else ""

    @cached_property
    def _fingerprint(self) -> str:
        return hash_of([self._files])
