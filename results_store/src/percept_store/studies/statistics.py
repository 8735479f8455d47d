"""Ranks, rank correlation, and means over resampled images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

FEW = 32  # values whose pairs are compared sooner than sorted: bootstraps rank few, thousands of times
LEAST = 3  # fewer points have no rank correlation worth the name


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 along the last axis, ties averaged; NaN stays NaN and takes no rank."""
    if values.shape[-1] <= FEW:
        one, other = values[..., :, None], values[..., None, :]
        below, equal = (other < one).sum(axis=-1), (other == one).sum(axis=-1)
        return np.where(np.isnan(values), np.nan, below + (equal + 1) / 2)
    table = pd.DataFrame(values.reshape(-1, values.shape[-1]))
    ranked: np.ndarray = table.rank(axis=1).to_numpy().reshape(values.shape)
    return ranked


def shares(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 0 (lowest) to 1 (highest); NaN where there is no value, or only one."""
    ranked = ranks(values)
    count = np.isfinite(ranked).sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 1, (ranked - 1) / (count - 1), np.nan)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation along the last axis of arrays that broadcast, ties averaged: (…, n) twice → (…,).

    Pairs with a NaN are left out. NaN for fewer than three pairs, or where one of the two is constant.
    """
    both = np.isfinite(x) & np.isfinite(y)
    a, b = (ranks(np.where(both, values, np.nan)) for values in np.broadcast_arrays(x, y))
    a, b = (np.where(both, ranked - mean(ranked)[..., None], 0) for ranked in (a, b))
    size = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    known = (both.sum(axis=-1) >= LEAST) & (size > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, (a * b).sum(axis=-1) / size, np.nan)


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
