"""Image files ↔ image batches. Part of the face that plugins may use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from percept.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from torch import Tensor

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


def read_image(path: str | Path) -> Tensor:
    """Decode an image file to (3, H, W) float32 in [0, 1], RGB.

    Grey becomes three equal channels, 16-bit grey keeps its precision, palettes are expanded, full opacity is dropped.
    Raises ImageError, naming the file, if it is absent, damaged, partly transparent, CMYK, or colour with 16 bits a
    channel (which Pillow would silently cut to 8).
    """
    import torch

    return torch.from_numpy(_decode(Path(path))).permute(2, 0, 1).contiguous()


def to_uint8(image: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] → (H, W, 3) uint8, clamped, rounded to the nearest of 256 levels."""
    import torch

    levels = image.detach().clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).cpu().numpy()


def find_images(root: str | Path) -> list[Path]:
    """All image files below `root`, sorted by their path; hidden ones are left out."""
    root = Path(root)
    found = (p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts))


def names_of(paths: Iterable[Path], root: str | Path) -> list[str]:
    """Each path below `root` without its suffix, with forward slashes; raises ImageError where two are equal."""
    names: dict[str, Path] = {}
    for path in paths:
        name = path.relative_to(root).with_suffix("").as_posix()
        if name in names:
            raise ImageError(f"{path}: {names[name].name} beside it has the same name; rename one")
        names[name] = path
    return list(names)


def _decode(path: Path) -> np.ndarray:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            _refuse_what_would_be_lossy(image, path)
            image.load()
            if image.mode.startswith("I"):
                return _grey(np.asarray(image, dtype=np.float32) / 65535)
            if image.mode == "F":
                return _grey(np.asarray(image, dtype=np.float32))
            return np.asarray(_opaque(image, path), dtype=np.float32) / np.float32(255)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not an image") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path}: not an image that can be read; replace or remove it") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: damaged image ({error}); replace or remove it") from None


def _grey(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.repeat(values[..., None], 3, axis=2)


def _refuse_what_would_be_lossy(image: Image.Image, path: Path) -> None:
    if image.mode == "CMYK":
        raise ImageError(f"{path}: CMYK has no single RGB reading; convert it to sRGB first")
    sixteen = any(";16" in str(tile[3]) for tile in image.tile)
    if sixteen and not image.mode.startswith("I"):
        raise ImageError(f"{path}: colour with 16 bits a channel is not read; convert it to 8 bits first")


def _opaque(image: Image.Image, path: Path) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        lowest = rgba.getextrema()[3][0]
        if lowest < 255:
            raise ImageError(f"{path}: has transparent pixels; flatten it onto a background first")
        return rgba.convert("RGB")
    return image.convert("RGB")
