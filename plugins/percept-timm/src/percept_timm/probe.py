"""What a backbone takes and gives, found by running it without arithmetic, on tensors that have only a shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.func import functional_call

from percept_timm.backbone import Backbone
from percept_timm.network import strides

_MULTIPLES = 8


@dataclass(frozen=True)
class Found:
    """channels of the features; least side of an image; what sides are filled up to a multiple of."""

    channels: int
    min_size: int
    fill: int


def probe(backbone: Backbone, who: str, name: str) -> Found:
    """Find the least images that it takes, odd sizes included, and freeze parameters that no feature depends on.

    Raises ComponentError if it does not take images of any size.
    """
    # By now the network may have lost the stages that are not used: its strides are those of the ones left.
    known = strides(backbone.network)
    stride = known[backbone.stage]
    shapes = _shapes(backbone)
    reason: Exception | None = None
    for fill in sorted({1, known[0], stride, max(known)}):
        backbone.fill = fill
        for least in range(stride, _MULTIPLES * stride + 1, stride):
            try:
                odd = _features(backbone, shapes, least + 1, 2 * least + stride // 2 + 1)
                features = _features(backbone, shapes, least, least)
            except Exception as error:  # timm's networks assert, index and reshape
                reason = error
                continue
            # Tokens of a size that was rounded wrongly are folded into channels.
            if odd.shape[1] == features.shape[1]:
                _freeze_unused(backbone, shapes, features)
                return Found(features.shape[1], least, fill)
    raise ComponentError(
        f"{who}: {name} takes images of certain sizes only; "
        "use one that takes any, as convolutional networks, vit_small_patch16_224 or swin_tiny_patch4_window7_224 do"
    ) from reason


def _shapes(backbone: Backbone) -> dict[str, Tensor]:
    tensors = {**dict(backbone.named_parameters()), **dict(backbone.named_buffers())}
    return {
        name: value.detach().to("meta").requires_grad_(isinstance(value, nn.Parameter))
        for name, value in tensors.items()
    }


def _features(backbone: Backbone, shapes: dict[str, Tensor], height: int, width: int) -> Tensor:
    images = torch.empty(2, 3, height, width, device="meta")
    training = backbone.training
    try:
        features: Tensor = functional_call(backbone.eval(), shapes, (images,))
    finally:
        backbone.train(training)
    return features


def _freeze_unused(backbone: Backbone, shapes: dict[str, Tensor], features: Tensor) -> None:
    learn = [name for name, value in shapes.items() if value.requires_grad]
    wanted = [shapes[name] for name in learn]
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(features.sum(), wanted, allow_unused=True)
    for name, gradient in zip(learn, gradients, strict=True):
        if gradient is None:
            backbone.get_parameter(name).requires_grad_(False)
