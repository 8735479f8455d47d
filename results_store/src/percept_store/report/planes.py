"""What meets what in a plane: boxes (left, low, right, high), and stretches (from, to), four numbers each."""

from __future__ import annotations

import numpy as np


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(K,): whether each of `boxes` (K, 4) covers a part of any of `others` (N, 4)."""
    lower, upper = boxes[:, None, :2] < others[None, :, 2:], boxes[:, None, 2:] > others[None, :, :2]
    meet: np.ndarray = np.any(np.all(lower & upper, axis=2), axis=1)
    return meet


def distance(points: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """(N,): of each of `points` (N, 2) from a stretch."""
    start, along = stretch[:2], stretch[2:] - stretch[:2]
    share = np.clip((points - start) @ along / (along @ along), 0.0, 1.0)
    apart: np.ndarray = np.hypot(*(points - start - share[:, None] * along).T)
    return apart


def crosses(stretches: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Whether stretches (N, 4) enter boxes (N, 4), one of either for all or as many: Liang and Barsky (1984)."""
    start, step = stretches[:, :2], stretches[:, 2:] - stretches[:, :2]
    step = np.where(step == 0, 1e-12, step)
    first, last = (boxes[:, :2] - start) / step, (boxes[:, 2:] - start) / step
    enter = np.maximum(np.minimum(first, last).max(axis=1), 0.0)
    found: np.ndarray = enter < np.minimum(np.maximum(first, last).min(axis=1), 1.0)
    return found


def crossing(stretches: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """(N,): whether each of `stretches` (N, 4) crosses one; those that begin at one point do not."""
    ends = (stretches[:, :2], stretches[:, 2:])
    across = _side(ends[0], stretch[None]) * _side(ends[1], stretch[None]) < 0
    found: np.ndarray = across & (_side(stretch[:2], stretches) * _side(stretch[2:], stretches) < 0)
    return found


def _side(points: np.ndarray, stretches: np.ndarray) -> np.ndarray:
    """On which side of stretches (N, 4), seen from their beginning, points lie: the sign."""
    along, to = stretches[:, 2:] - stretches[:, :2], points - stretches[:, :2]
    side: np.ndarray = along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0]
    return side
