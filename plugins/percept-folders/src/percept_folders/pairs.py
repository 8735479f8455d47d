"""How large a target may be beside its degraded input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from percept.contracts import ImageError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


def crop_to_multiple(target: Tensor, degraded: Tensor, path: Path) -> Tensor:
    """(3, H, W), (3, h, w) → (3, h·s, w·s): the target cropped by less than s pixels at the bottom and right.

    s is the whole magnification of the pair, 1 or more. Raises ImageError, naming `path`, if there is none.
    """
    (height, width), (h, w) = target.shape[-2:], degraded.shape[-2:]
    scale = height // h
    if scale < 1 or not (0 <= height - h * scale < scale and 0 <= width - w * scale < scale):
        raise ImageError(f"{path}: {w}×{h} is no whole fraction of its target's {width}×{height}; check the pair")
    return target[:, : h * scale, : w * scale].contiguous()
