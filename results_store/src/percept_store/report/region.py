"""Where to look: the region of an image in which the candidates differ most, weighted by its detail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_STRIDE = 4
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def choose(reference: np.ndarray, outputs: Sequence[np.ndarray], size: int) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the region, of `size` pixels or the whole image where that is smaller.

    Images are uint8 (H, W, 3). It maximises mean gradient of the reference × mean standard deviation between outputs
    (between output and reference if there is one output only).
    """
    height, width = (min(size, side) for side in reference.shape[:2])
    merit = _box(_detail(reference), height, width) * _box(_difference(reference, outputs), height, width)
    top, left = np.unravel_index(np.argmax(merit[::_STRIDE, ::_STRIDE]), merit[::_STRIDE, ::_STRIDE].shape)
    return int(top) * _STRIDE, int(left) * _STRIDE, height, width


def _detail(image: np.ndarray) -> np.ndarray:
    rows, columns = np.gradient(image.astype(float) @ _LUMA)
    detail: np.ndarray = np.hypot(rows, columns)
    return detail


def _difference(reference: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
    stack = list(outputs) if len(outputs) > 1 else [reference, *outputs]
    spread: np.ndarray = np.std([image.astype(float) @ _LUMA for image in stack], axis=0)
    # A constant keeps detail alone in charge where all candidates are equal.
    return spread + 1e-3


def _box(values: np.ndarray, height: int, width: int) -> np.ndarray:
    sums = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    boxes: np.ndarray = (
        sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    )
    return boxes / (height * width)
