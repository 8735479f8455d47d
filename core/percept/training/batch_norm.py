"""Batch statistics over the processes that share a batch, on any device, with derivatives of any order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from percept.errors import InputError
from percept.training.group import Group


def share_batch_norms(network: nn.Module, group: Group) -> nn.Module:
    """The network, each of its batch norms made one of the group; names and parameters stay. Alone, nothing is done.

    torch.nn.SyncBatchNorm is for GPUs alone, and r1 and gradient penalties cannot go through it: it has no second
    derivative. Nor does it know layers that are more than a batch norm, as timm's, which have their activation inside.
    """
    if group.size > 1:
        for name, layer in network.named_modules():
            if isinstance(layer, _BatchNorm):
                layer.__class__ = _shared(type(layer))  # type: ignore[arg-type]  # mypy takes a class for its instances
                layer.group, layer.place = group, name  # type: ignore[assignment]  # plain attributes
    return network


def shared_batch_norm(
    images: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
    group: Group,
) -> Tensor:
    """torch.nn.functional.batch_norm in training, (N, C, …) → the same, of a batch that is spread over the group.

    Each process has an equal share. Statistics are formed in float32, whatever the precision; the running ones follow.
    """
    dims = [0, *range(2, images.ndim)]
    values = images.float()
    mean = group.mean(values.mean(dims, keepdim=True))
    centred = values - mean
    variance = group.mean(centred.square().mean(dims, keepdim=True))
    if running_mean is not None and running_var is not None:
        count = group.size * images.numel() // images.shape[1]
        running_mean.lerp_(mean.detach().flatten(), momentum)
        running_var.lerp_(variance.detach().flatten() * count / max(1, count - 1), momentum)
    normal = centred * (variance + eps).rsqrt()
    if weight is not None:
        normal = normal * weight.view_as(mean)
    if bias is not None:
        normal = normal + bias.view_as(mean)
    return normal.to(images.dtype)


class _Shared(_BatchNorm):
    """Mixed into a batch norm's class: in training, what it asks of torch's batch_norm is asked of the group."""

    group: Group
    place: str

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name for it
        if not self.training:
            return super().forward(input)
        with _Redirect(self.group) as redirect:
            output = super().forward(input)
        if not redirect.asked:
            raise InputError(
                f"runtime.processes: layer {self.place}, a {type(self).__name__}, forms batch statistics by itself, "
                "which processes cannot share; make it 1, or take a network without such layers"
            )
        return output


class _SyncBatchNorm(_BatchNorm):
    """What torch.nn.SyncBatchNorm becomes: it takes any number of dimensions, and would exchange statistics itself."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  # torch's name for it
        pass


class _Redirect(TorchFunctionMode):
    """Within, torch.nn.functional.batch_norm is that of a group."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group, self.asked = group, False

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function is not torch.nn.functional.batch_norm:
            return function(*args, **kwargs)
        self.asked = True
        return self._batch_norm(*args, **kwargs)

    def _batch_norm(
        self,
        input: Tensor,  # noqa: A002  # torch's names, as layers pass them
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return torch.nn.functional.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
        return shared_batch_norm(input, running_mean, running_var, weight, bias, momentum, eps, self.group)


@cache
def _shared(kind: type[_BatchNorm]) -> type[_BatchNorm]:
    """The class of a batch norm, in a group; of the same name, which is what errors and summaries tell."""
    base = _SyncBatchNorm if kind is nn.SyncBatchNorm else kind
    return type(kind.__name__, (_Shared, base), {"__module__": kind.__module__})
