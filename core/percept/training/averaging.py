"""Exponential moving average of a generator's weights."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def averaged(module: nn.Module, decay: float) -> AveragedModel:
    """A copy whose `update_parameters(module)` averages parameters and *copies* buffers.

    Averaging buffers, too, would pull a spectral norm's vectors off the unit sphere, and outputs explode.
    """
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch's own annotation is missing
    return AveragedModel(module, multi_avg_fn=average, use_buffers=False)
