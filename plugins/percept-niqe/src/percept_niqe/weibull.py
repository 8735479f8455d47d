"""Maximum-likelihood fits of Weibull distributions, as MATLAB's wblfit."""

from __future__ import annotations

import torch
from torch import Tensor

_STEPS = 40
_NEAR = 1e-4  # Newton's error is about the square of its last step's: 1e-8, below that of MATLAB's own solver
_SAMPLED = 8  # every eighth sample serves to find where to start


def weibull(logs: Tensor) -> tuple[Tensor, Tensor]:
    """(…, n) logarithms of samples → scale and shape, each (…,); equal samples have the shape inf and are the scale.

    The shape k is where Σ xᵏ ln x / Σ xᵏ - 1/k equals the mean of ln x; Newton's method finds it.
    """
    top = logs.amax(dim=-1, keepdim=True)
    logs = logs - top
    few = logs[..., ::_SAMPLED].contiguous()
    start, _ = _solved(few, _guess(few))
    shape, mean_power = _solved(logs, torch.where(start.isfinite(), start, _guess(logs)))
    return torch.exp(top[..., 0] + torch.where(shape.isinf(), 0, mean_power / shape)), shape


def _guess(logs: Tensor) -> Tensor:
    """(…, n) → the shape (…,) of about the deviation of `logs`; inf where they are equal."""
    variance = torch.linalg.vecdot(logs, logs) / logs.shape[-1] - logs.mean(dim=-1).square()
    return 1.2 / torch.where(logs.amin(dim=-1) < 0, variance.clamp_min(1e-30), 0).sqrt()


def _solved(logs: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """(…, n) and a first shape (…,) → the shape, and the logarithm of the mean of xᵏ, each (…,)."""
    mean = logs.mean(dim=-1)
    mean_power = torch.zeros_like(mean)
    for _ in range(_STEPS):
        weights = torch.exp(logs * shape[..., None])
        total = weights.sum(dim=-1)
        weights.mul_(logs)
        tilted = weights.sum(dim=-1) / total
        spread = torch.linalg.vecdot(weights, logs) / total - tilted.square()
        step = (tilted - mean - 1 / shape) / (spread + 1 / shape.square())
        step = torch.where(shape.isinf(), 0, torch.minimum(step, shape / 2))
        shape = shape - step
        mean_power = (total / logs.shape[-1]).log() - step * tilted + step.square() * spread / 2
        if bool((step.abs() <= _NEAR * shape).all()):
            break
    return shape, mean_power
