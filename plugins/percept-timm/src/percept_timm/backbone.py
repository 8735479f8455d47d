"""timm's network as a backbone: images in [0, 1] → features of one stage; saved under timm's own names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

_INNER = "network."


class Backbone(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, C, h, w).

    stage   index of timm's intermediate features
    normed  they pass through the network's final normalisation
    fill    sides are filled up to a multiple of this with copies of their last row or column

    `state_dict()` names everything as timm does. Spectral normalisation's own state is part of the discriminator's
    state_dict; in the backbone's, taken by itself, the weights are those that the network computes with, so that
    `timm.create_model` gives the same features from them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, stage: int, normed: bool, fill: int = 1) -> None:
        super().__init__()
        self.network, self.stage, self.normed, self.fill = network, stage, normed, fill
        for name in ("mean", "std"):
            values = torch.tensor(network.pretrained_cfg[name])  # type: ignore[index]  # timm sets it
            self.register_buffer(name, values.view(1, 3, 1, 1), persistent=False)
        self.register_state_dict_post_hook(_as_timm)  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.register_load_state_dict_pre_hook(_from_timm)  # type: ignore[no-untyped-call]  # as above

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if height % self.fill or width % self.fill:
            # Not by reflection, whose gradient is not deterministic on CUDA.
            images = functional.pad(images, (0, -width % self.fill, 0, -height % self.fill), mode="replicate")
        (features,) = self.network.forward_intermediates(  # type: ignore[operator]  # torch takes it for a Tensor
            (images - self.mean) / self.std,
            indices=[self.stage],
            norm=self.normed,
            stop_early=True,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        return features  # type: ignore[no-any-return]  # timm is not annotated here


def _as_timm(backbone: nn.Module, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]) -> None:
    inner = prefix + _INNER
    for key in [key for key in state if key.startswith(inner)]:
        state[prefix + key.removeprefix(inner)] = state.pop(key)
    if prefix:
        return
    for name, layer in backbone.get_submodule(_INNER[:-1]).named_modules():
        if parametrize.is_parametrized(layer, "weight"):
            for key in [key for key in state if key.startswith(f"{name}.parametrizations.weight.")]:
                del state[key]
            state[f"{name}.weight"] = _in_use(layer)


def _in_use(layer: nn.Module) -> Tensor:
    """A parametrised weight, without the power iteration that asking for it means in training."""
    parametrizations: nn.Module = layer.parametrizations.weight  # type: ignore[union-attr,assignment]  # torch has no type for it
    training = parametrizations.training
    try:
        parametrizations.eval()
        with torch.no_grad():
            return layer.weight.clone()  # type: ignore[operator]  # as above
    finally:
        parametrizations.train(training)


def _from_timm(_backbone: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        state[prefix + _INNER + key.removeprefix(prefix)] = state.pop(key)
