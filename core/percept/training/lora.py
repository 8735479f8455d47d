"""Low-rank adaptation: trained weights stay as they are, and only a small update of them learns.

Hu et al. 2021, arXiv:2106.09685: W + (alpha / rank) · B A. A convolution's kernel counts as the matrix of its outputs
against all that one output sees, so that A is a convolution to `rank` channels and B one of 1×1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from percept.errors import InputError
from percept.weights import require_finite

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
SHOWN = 5


class LowRank(nn.Module):
    """W → W + (alpha / rank) · (B A) in W's shape; A as torch starts a layer, B zero: at first nothing changes."""

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        self.scale = alpha / rank
        self.a = nn.Parameter(weight.new_empty(rank, columns))
        self.b = nn.Parameter(weight.new_zeros(rows, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.scale * (self.b @ self.a)).view_as(weight)


def add_adapters(network: nn.Module, rank: int, alpha: float, targets: list[str]) -> list[str]:
    """Freeze the network and give each convolution and linear layer that a pattern names an update that learns.

    targets   patterns of layers' names, `*` for anything: `body.*`, `*.attn.qkv`

    Batch norms are frozen with their statistics. Returns the names. Raises InputError if a pattern fits no layer,
    naming some that there are, or one whose weight has another place as well, which its update would move, too.
    """
    layers = dict(adaptable(network))
    chosen = [name for name in layers if any(fnmatch(name, pattern) for pattern in targets)]
    for pattern in targets:
        if not any(fnmatch(name, pattern) for name in layers):
            some = ", ".join(list(layers)[:SHOWN]) or "none"
            raise InputError(
                f"optimize.lora.targets: {pattern} fits no convolution or linear layer; there are {some}, …"
            )
    _require_own_weights(network, chosen)
    network.requires_grad_(False)
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            layer.eval()
    for name in chosen:
        parametrize.register_parametrization(layers[name], "weight", LowRank(layers[name].weight, rank, alpha))  # type: ignore[arg-type]  # the weight of such a layer is a Tensor
    return chosen


def adaptable(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers that can be adapted, with their names: those whose weight is not made of something else already."""
    for name, layer in network.named_modules():
        if isinstance(layer, _LAYERS) and not parametrize.is_parametrized(layer, "weight"):
            yield name, layer


def _require_own_weights(network: nn.Module, chosen: list[str]) -> None:
    places: dict[int, list[str]] = {}
    for name, weight in network.named_parameters(remove_duplicate=False):
        places.setdefault(id(weight), []).append(name)
    for names in places.values():
        shared = [name for name in names if name.removesuffix(".weight") in chosen]
        if shared and len(names) > 1:
            raise InputError(f"optimize.lora.targets: {' and '.join(names)} are one weight; name other layers")


def adapters_of(network: nn.Module) -> dict[str, Tensor]:
    """The updates alone: `LAYER.lora_a`, `LAYER.lora_b` and `LAYER.lora_scale` of each adapted layer."""
    found: dict[str, Tensor] = {}
    for name, update in _updates(network):
        found |= {
            f"{name}.lora_a": update.a,
            f"{name}.lora_b": update.b,
            f"{name}.lora_scale": torch.tensor(update.scale),
        }
    return {name: value.detach().cpu().clone() for name, value in found.items()}


def merged(network: nn.Module) -> dict[str, Tensor]:
    """The state of the same network without adapters, their updates added to its weights."""
    names = [name for name, _ in _updates(network)]
    inside = tuple(f"{name}.parametrizations." for name in names)
    state = {name: value for name, value in network.state_dict().items() if not name.startswith(inside)}
    with torch.no_grad():
        for name in names:
            state[f"{name}.weight"] = network.get_submodule(name).weight.detach().clone()  # type: ignore[operator]  # a Tensor
    return state


def merge_adapters(network: nn.Module, adapters: Mapping[str, Tensor], where: str) -> None:
    """Add saved updates to the weights of a network that has none. Raises InputError, naming a layer that it lacks."""
    require_finite(adapters, where)
    layers = dict(adaptable(network))
    names = sorted({key.rpartition(".")[0] for key in adapters})
    with torch.no_grad():
        for name in names:
            try:
                a, b, scale = (adapters[f"{name}.lora_{part}"] for part in ("a", "b", "scale"))
            except KeyError as error:
                raise InputError(f"{where}: holds no low-rank update of {name or 'any layer'}: no {error}") from None
            if name not in layers:
                raise InputError(f"{where}: adapts {name}, which {type(network).__name__} does not have")
            weight: Tensor = layers[name].weight  # type: ignore[assignment]  # of such a layer
            if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1] or scale.numel() != 1:
                shapes = ", ".join(str(tuple(value.shape)) for value in (a, b, scale))
                raise InputError(f"{where}: {name} is no low-rank update: its a, b and scale are {shapes}")
            if (b.shape[0], a.shape[1]) != (weight.shape[0], weight[0].numel()):
                raise InputError(
                    f"{where}: {name} is {b.shape[0]}×{a.shape[1]}, the network's weight is {tuple(weight.shape)}"
                )
            weight += (scale * (b @ a)).view_as(weight).to(weight)


def _updates(network: nn.Module) -> Iterator[tuple[str, LowRank]]:
    for name, layer in network.named_modules():
        if parametrize.is_parametrized(layer, "weight"):
            for update in layer.parametrizations["weight"]:
                if isinstance(update, LowRank):
                    yield name, update
