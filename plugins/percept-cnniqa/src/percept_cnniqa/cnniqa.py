"""CNNIQA: Kang, Ye, Li, Doermann, "Convolutional neural networks for no-reference image quality assessment", CVPR 2014.

Where the paper is silent, the conventions are those of the implementation whose weights are published, lidq92's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from percept.contracts import check_images
from percept.errors import ComponentError, DataError
from percept.primitives import mix, rounded, safe_sqrt
from percept.weights import first_of, misfits, read_weights
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

PATCH = 32
LUMINANCE = (0.299, 0.587, 0.114)  # BT.601 over the full range, as the published network was given it
C = 1.0  # beside deviations of values in [0, 1]
TOGETHER = 128  # patches whose maps are made at once: as many as a processor's cache holds, and large images fit


def patches_of(gray: Tensor, stride: int = PATCH) -> Tensor:
    """(N, 1, H, W) → (N, patches, 32, 32): all whole ones at multiples of `stride` from the top left."""
    return gray[:, 0].unfold(1, PATCH, stride).unfold(2, PATCH, stride).flatten(1, 2)


def normalised(patches: Tensor) -> Tensor:
    """(K, 1, h, w) → (x - μ) / (σ + 1), with μ, σ over 3×3 pixels (§3.1); pixels at a patch's border are repeated."""
    padded = functional.pad(patches, (1, 1, 1, 1), mode="replicate")
    mean, square = (functional.avg_pool2d(values, 3, stride=1) for values in (padded, padded.square()))
    return (patches - mean) / (safe_sqrt((square - mean.square()).clamp_min(0)) + C)


class CNNIQA(nn.Module):
    """Mean rating of the patches of an image: (N, 3, H, W) in [0, 1], H and W ≥ 32 → (N,), in what it was trained on.

    Assessor and fidelity loss, reference-free; the loss ignores its target. The published network predicts LIVE's
    difference mean opinion scores: lower is better, about 10 to 20 for good photographs, 100 for bad ones.

    weights  file of the network's state_dict, `conv1.*`, `fc1.*`, `fc2.*`, `fc3.*`, which torch.load can read
    stride   pixels from one patch to the next; below 32 they overlap
    rounded  luminance to 256 levels, as in the training; straight-through gradient

    Dropout, which the training has after the first layer of 800, is off. Raises DataError without `weights` or with
    another network's, InputError if they cannot be read, ComponentError for a stride below 1, ImageError for smaller
    images or other shapes.
    """

    def __init__(self, weights: str = "", stride: int = PATCH, rounded: bool = True) -> None:
        super().__init__()
        if stride < 1:
            raise ComponentError(f"cnniqa: stride {stride} is not offered; use 1 or more, 32 for patches side by side")
        self.stride, self.rounded = stride, rounded
        self.conv1 = nn.Conv2d(1, 50, 7)
        self.fc1 = nn.Linear(100, 800)
        self.fc2 = nn.Linear(800, 800)
        self.fc3 = nn.Linear(800, 1)
        self.load_state_dict(_read(weights, self.state_dict()))
        self.requires_grad_(False)

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "cnniqa", PATCH)
        luminance = mix(images, [LUMINANCE])
        patches = patches_of(rounded(luminance) if self.rounded else luminance, self.stride)
        ratings = [self._ratings(some) for some in torch.split(patches.flatten(0, 1)[:, None], TOGETHER)]
        return torch.cat(ratings).view(patches.shape[:2]).mean(dim=1)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `target` is not looked at."""
        return self.score(output)

    def _ratings(self, patches: Tensor) -> Tensor:
        values = normalised(patches)
        features = extremes(values, *(parameter.to(values) for parameter in self.conv1.parameters()))
        for layer in (self.fc1, self.fc2):
            features = functional.linear(features, layer.weight.to(features), layer.bias.to(features)).relu()
        return functional.linear(features, self.fc3.weight.to(features), self.fc3.bias.to(features))[:, 0]


def extremes(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(K, 1, h, w), filters (F, 1, s, s), their biases (F,) → (K, 2F): greatest and least responses over all places."""
    if values.requires_grad:
        return _Extremes.apply(values, weight, bias)  # type: ignore[no-any-return]  # torch's has no types
    maps = functional.conv2d(values, weight, bias).flatten(2)
    return torch.cat([maps.amax(dim=-1), maps.amin(dim=-1)], dim=1)


class _Extremes(torch.autograd.Function):
    """Two places of each map are all that its gradient needs: a seventh of the time of a convolution's backward pass.

    There is none for filters and biases, which are not trained.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        maps = functional.conv2d(values, weight, bias)
        found = [best(maps.flatten(2), dim=-1) for best in (torch.max, torch.min)]
        ctx.shape, ctx.across = values.shape, maps.shape[-1]
        ctx.save_for_backward(weight, torch.cat([places for _, places in found], dim=1))
        return torch.cat([responses for responses, _ in found], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        weight, places = ctx.saved_tensors
        count, _, height, width = ctx.shape
        window = torch.arange(height * width, device=weight.device).view(height, width)
        window = window[: weight.shape[-2], : weight.shape[-1]].flatten()
        corners = places // ctx.across * width + places % ctx.across
        touched = (corners[..., None] + window).flatten(1)
        pulls = (gradient[..., None] * weight.flatten(1).repeat(2, 1)).flatten(1)
        return gradient.new_zeros(count, height * width).scatter_add_(1, touched, pulls).view(ctx.shape), None, None


def _read(path: str, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    if not path:
        raise DataError("cnniqa needs `weights`, a trained network such as models/CNNIQA-LIVE of lidq92's CNNIQA")
    found = read_weights(Path(path).expanduser())
    wrong = misfits(found, wanted)
    if wrong:
        raise DataError(f"{path}: not CNNIQA's weights: {first_of(wrong)}")
    return found
