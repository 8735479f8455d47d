"""Artefacts: weights, scored images and arrays, as files named by the sha256 of their content."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from percept_store.errors import StoreError
from percept_store.ledger.backend import Backend, ensure
from percept_store.ledger.record import address

if TYPE_CHECKING:
    import numpy as np

_SUFFIX = re.compile(r"(\.[0-9A-Za-z]+)+")
_NAME = re.compile(r"([0-9a-f]{64})(\.[0-9A-Za-z]+)+")


class Artefacts:
    """Files below `artefacts/`. The same content is stored once; names never change their meaning."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def put(self, data: bytes, suffix: str) -> str:
        """Store bytes durably; returns their name, `<sha256><suffix>`. Raises StoreError if they cannot be written."""
        if not _SUFFIX.fullmatch(suffix):
            raise StoreError(f"artefact suffix {suffix!r}: use a file ending such as '.safetensors'")
        name = address(data) + suffix
        ensure(self._backend, _file(name), data)
        return name

    def put_image(self, image: np.ndarray) -> str:
        """Store an (H, W, 3) uint8 image as PNG, without loss; returns its name."""
        import numpy as np
        from PIL import Image

        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise StoreError(f"artefact image: expected (H, W, 3) uint8, not {image.shape} {image.dtype}")
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(stream, format="PNG")
        return self.put(stream.getvalue(), ".png")

    def put_array(self, array: np.ndarray) -> str:
        """Store an array of numbers, any shape, as .npy; returns its name."""
        import numpy as np

        stream = io.BytesIO()
        try:
            np.save(stream, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
        except ValueError:
            raise StoreError(f"artefact array: type {array.dtype} cannot be stored; use numbers") from None
        return self.put(stream.getvalue(), ".npy")

    def read(self, name: str) -> bytes:
        """The content. Raises StoreError if it is not there, or not what its name promises."""
        try:
            data = self._backend.read(_file(name))
        except FileNotFoundError:
            raise StoreError(
                f"{self._backend.root}/{_file(name)}: no such artefact; was it copied with the store?"
            ) from None
        if address(data) != name.partition(".")[0]:
            raise StoreError(
                f"{self._backend.root}/{_file(name)}: damaged artefact; restore it from a copy or run again"
            )
        return data

    def read_image(self, name: str) -> np.ndarray:
        """A stored image, (H, W, 3) uint8. Errors as in `read`."""
        import numpy as np
        from PIL import Image

        with Image.open(io.BytesIO(self.read(name))) as image:
            return np.asarray(image.convert("RGB"))

    def read_array(self, name: str) -> np.ndarray:
        """A stored array. Errors as in `read`."""
        import numpy as np

        array: np.ndarray = np.load(io.BytesIO(self.read(name)), allow_pickle=False)
        return array

    def path(self, name: str) -> Path:
        """Where the file of that name is or would be. Raises StoreError for a store that is not a local folder."""
        if not isinstance(self._backend.root, Path):
            raise StoreError(f"{self._backend.root}: has no local paths; use read({name!r})")
        return self._backend.root / _file(name)


def _file(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise StoreError(f"artefact {name!r}: not a name of the form <sha256>.<suffix>")
    return f"artefacts/{name[:2]}/{name}"
