"""From a name to timm's network: flexible in size, nothing random in its forward pass, no layer that is not used."""

from __future__ import annotations

import difflib

import timm
from percept.errors import ComponentError
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional


def create(name: str, who: str, pretrained: bool) -> nn.Module:
    """The network without its classifier. Raises ComponentError if timm does not know it, or cannot get its weights."""
    if not timm.is_model(name.split(".")[0]):
        near = difflib.get_close_matches(name, timm.list_models(), 3)
        raise ComponentError(
            f"{who}: timm knows no backbone {name!r}"
            + (f"; did you mean {', '.join(near)}?" if near else "; see timm.list_models()")
        )
    try:
        network = _create(name, pretrained)
    except Exception as error:  # hubs and proxies raise anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        if not pretrained:
            raise ComponentError(f"{who}: timm cannot build {name}: {reason}") from error
        raise ComponentError(
            f"{who}: timm's weights of {name} cannot be had ({reason}); "
            "write weights: none, or the path of a file that holds them"
        ) from error
    _settle(network)
    return network


def strides(network: nn.Module) -> list[int]:
    """How many pixels a side a position of each stage stands for, the deepest last."""
    return [stage["reduction"] for stage in network.feature_info]  # type: ignore[union-attr]  # timm sets it


def stage_of(network: nn.Module, asked: int | None, largest_stride: int | None, who: str) -> int:
    """Index of the stage asked for; None: the deepest whose stride is no larger. Raises ComponentError if absent."""
    known = strides(network)
    if asked is None:
        fine = [stage for stage, stride in enumerate(known) if largest_stride is None or stride <= largest_stride]
        return max(fine, default=known.index(min(known)))
    if not -len(known) <= asked < len(known):
        raise ComponentError(
            f"{who}: features: {asked} is no stage; there are 0 to {len(known) - 1}, "
            f"of stride {', '.join(map(str, known))}"
        )
    return asked % len(known)


def truncate(network: nn.Module, stage: int) -> bool:
    """Drop what lies deeper than the stage, and the head; returns whether the final normalisation applies to it."""
    known = strides(network)
    # The blocks of a plain transformer are all alike: its last normalisation fits every one.
    normed = stage == len(known) - 1 or len(set(known)) == 1
    network.prune_intermediate_layers([stage], prune_norm=not normed, prune_head=True)  # type: ignore[operator]  # timm's
    return normed


def _create(name: str, pretrained: bool) -> nn.Module:
    try:
        # Transformers assert their one size without it; convolutional networks do not know it.
        return timm.create_model(name, pretrained=pretrained, num_classes=0, dynamic_img_size=True)
    except TypeError as error:
        if "dynamic_img_size" not in str(error):
            raise
    return timm.create_model(name, pretrained=pretrained, num_classes=0)


class HardSigmoid(nn.Module):
    """As torch's, and with a second derivative, which a gradient penalty needs."""

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu6(features + 3) / 6


def _settle(network: nn.Module) -> None:
    for module in list(network.modules()):
        if isinstance(module, DropPath):
            module.drop_prob = 0.0
        elif isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
        if hasattr(module, "fused_attn"):
            # The fused kernels have no second derivative either.
            module.fused_attn = False  # type: ignore[assignment]  # torch takes any attribute for a Tensor or Module
        for name, child in module.named_children():
            if isinstance(child, nn.Hardsigmoid):
                setattr(module, name, HardSigmoid())
