"""Batch statistics over the processes that share a batch, on any device, with derivatives of any order."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from percept.errors import InputError
from percept.training.group import Group


class SharedBatchNorm(_BatchNorm):
    """A batch norm whose batch is that of all processes of a group, each of which has an equal share of it.

    torch.nn.SyncBatchNorm is for GPUs alone, and r1 and gradient penalties cannot go through it: it has no second
    derivative. In evaluation it is the batch norm that it was made of.
    """

    def __init__(self, like: _BatchNorm, group: Group) -> None:
        super().__init__(like.num_features, like.eps, like.momentum, like.affine, like.track_running_stats)
        self.weight, self.bias = like.weight, like.bias
        self.running_mean, self.running_var = like.running_mean, like.running_var
        self.num_batches_tracked = like.num_batches_tracked
        self.group = group
        self.train(like.training)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name for it
        """(N, C, …) → the same; statistics in float32, whatever the precision."""
        if not self.training:
            return super().forward(input)
        dims = [0, *range(2, input.ndim)]
        values = input.float()
        mean = self.group.mean(values.mean(dims, keepdim=True))
        centred = values - mean
        variance = self.group.mean(centred.square().mean(dims, keepdim=True))
        if self.running_mean is not None:
            self._follow(mean.detach().flatten(), variance.detach().flatten(), input.numel() // self.num_features)
        normal = centred * (variance + self.eps).rsqrt()
        if self.affine:
            normal = normal * self.weight.view_as(mean) + self.bias.view_as(mean)
        return normal.to(input.dtype)

    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        count *= self.group.size
        self.num_batches_tracked += 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * count / max(1, count - 1), share)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  # torch's name for it
        """Any number of dimensions: those of the layer that it was made of."""


def share_batch_norms(network: nn.Module, group: Group) -> nn.Module:
    """The network, each of its batch norms made one of the group; names and parameters stay. Alone, nothing is done.

    Raises InputError for a layer that is more than a batch norm, whose other part would be lost.
    """
    if group.size > 1:
        for prefix, parent in list(network.named_modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, _BatchNorm):
                    _require_plain(child, f"{prefix}.{name}".lstrip("."))
                    setattr(parent, name, SharedBatchNorm(child, group))
    return network


def _require_plain(layer: _BatchNorm, name: str) -> None:
    if type(layer) not in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm):
        raise InputError(
            f"runtime.processes: layer {name} is a {type(layer).__name__}, a batch norm that processes cannot share; "
            "make it 1, or take a network without such layers"
        )
