"""Image files ↔ image batches. Part of the face that plugins may use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from percept.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image, ImageFile
    from torch import Tensor

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

# Tags of TIFF 6.0, §8 and §19.
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339


def read_image(path: str | Path) -> Tensor:
    """Decode an image file to (3, H, W) float32 in [0, 1], RGB.

    Grey becomes three equal channels, 16-bit and floating-point grey keep their precision, palettes are expanded, full
    opacity is dropped, the first of several frames is read. Colour profiles and orientation tags are not applied.
    Raises ImageError, naming the file, if it is absent, damaged, partly transparent, CMYK, colour with more than 8
    bits a channel (which Pillow would silently cut to 8), or grey whose black and white cannot be told.
    """
    import torch

    return torch.from_numpy(_decode(Path(path))).permute(2, 0, 1).contiguous()


def to_uint8(image: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] → (H, W, 3) uint8, clamped, rounded to the nearest of 256 levels."""
    import torch

    levels = image.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).cpu().numpy()


def centre_crop(image: Tensor, side: int, name: str) -> Tensor:
    """(3, H, W) → its middle (3, side, side); 0 keeps it whole. Raises ImageError, naming it, if it is smaller."""
    height, width = image.shape[-2:]
    if not side:
        return image
    if min(height, width) < side:
        raise ImageError(f"{name}: {width}×{height} pixels, smaller than the crop of {side}; lower it")
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, top : top + side, left : left + side].contiguous()


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
                return _grey(_within_range(np.asarray(image, dtype=np.float32), path))
            return np.asarray(_opaque(image, path), dtype=np.float32) / np.float32(255)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not an image") from None
    except PermissionError:
        raise ImageError(f"{path}: may not be read; change its permissions") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path}: not an image that can be read; replace or remove it") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: damaged image ({error}); replace or remove it") from None


def _grey(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.repeat(values[..., None], 3, axis=2)


def _within_range(values: np.ndarray, path: Path) -> np.ndarray:
    if not (values.min() >= 0 and values.max() <= 1):
        raise ImageError(f"{path}: floating-point values outside of [0, 1]; scale them first")
    return values


def _refuse_what_would_be_lossy(image: ImageFile.ImageFile, path: Path) -> None:
    if image.mode == "CMYK":
        raise ImageError(f"{path}: CMYK has no single RGB reading; convert it to sRGB first")
    grey = image.mode.startswith(("I", "F"))
    if not grey and _bits(image) > 8:
        raise ImageError(f"{path}: colour with {_bits(image)} bits a channel is not read; convert it to 8 bits first")
    if grey and (_is_odd_tiff(image) or "transparency" in image.info):
        raise ImageError(f"{path}: grey of a kind that is not read; convert it to 16 bits, unsigned, opaque, black = 0")


def _bits(image: ImageFile.ImageFile) -> int:
    from PIL.TiffImagePlugin import TiffImageFile

    if isinstance(image, TiffImageFile):
        return int(max(image.tag_v2.get(TIFF_BITS, (1,))))
    decoding: list[Any] = [tile[3] for tile in image.tile]
    if image.format == "PPM" and isinstance(decoding[0], tuple):
        return int(decoding[0][-1]).bit_length()
    return 16 if any(";16" in str(arguments) for arguments in decoding) else 8


def _is_odd_tiff(image: ImageFile.ImageFile) -> bool:
    from PIL.TiffImagePlugin import TiffImageFile

    if not isinstance(image, TiffImageFile):
        return False
    white_is_zero = image.tag_v2.get(TIFF_PHOTOMETRIC) == 0
    signed = image.tag_v2.get(TIFF_SAMPLE_FORMAT, (1,)) == (2,)
    return white_is_zero or signed or (image.mode != "F" and _bits(image) != 16)


def _opaque(image: Image.Image, path: Path) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").histogram()[255] < rgba.width * rgba.height:
            raise ImageError(f"{path}: has transparent pixels; flatten it onto a background first")
        return rgba.convert("RGB")
    return image.convert("RGB")
