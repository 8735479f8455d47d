"""Ranks, rank correlation, and means over resampled images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

LEAST = 3  # fewer points have no rank correlation worth the name


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 along the last axis, ties averaged; NaN stays NaN and takes no rank."""
    table = pd.DataFrame(values.reshape(-1, values.shape[-1]))
    ranked: np.ndarray = table.rank(axis=1).to_numpy().reshape(values.shape)
    return ranked


def shares(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 0 (lowest) to 1 (highest); NaN where there is no value, or only one."""
    ranked = ranks(values)
    count = np.isfinite(ranked).sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 1, (ranked - 1) / (count - 1), np.nan)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of two (n,) arrays, ties averaged, pairs with a NaN left out.

    NaN for fewer than three pairs, or where one of the two is constant.
    """
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < LEAST:
        return float("nan")
    a, b = (ranks(values[both]) for values in (x, y))
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 0 else float("nan")


def mean(values: np.ndarray) -> np.ndarray:
    """Means over the last axis, without the NaN; NaN where there is nothing else."""
    found = np.isfinite(values)
    count = found.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.where(found, values, 0).sum(axis=-1) / count, np.nan)


def interval(draw: Callable[[np.random.Generator], np.ndarray], resamples: int, seed: int = 0) -> np.ndarray:
    """(2, …): the 2.5 % and 97.5 % percentiles of `draw`, which resamples and returns a statistic of any shape.

    Efron's percentile interval; NaN where every draw is.
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack([np.asarray(draw(rng), dtype=float) for _ in range(resamples)])
    empty = ~np.isfinite(drawn).any(axis=0)
    low, high = np.nanpercentile(np.where(empty, 0.0, drawn), [2.5, 97.5], axis=0)
    return np.where(empty, np.nan, np.stack([low, high]))
