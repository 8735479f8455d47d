"""What a sampler gives for one step."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Float32, images in [0, 1].

    degraded   (N, 3, h, w), the generator's inputs
    target     (N, 3, H, W), the ground truths that were drawn for them
    negative   (N, 3, H, W), ground truths that people rejected, where the objective wants them
    rejected   (N, 1, 1, 1), 1 where there is such a one, else 0
    """

    degraded: Tensor
    target: Tensor
    negative: Tensor | None = None
    rejected: Tensor | None = None
