"""Several processes that train one network: each takes its share of a batch, and they average what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Group:
    """Where this process stands: number `rank` of `size`. Alone, everything here does nothing.

    Gradients are averaged by hand rather than by DistributedDataParallel: a step of adversarial training goes through
    one network several times before a backward pass, and penalties go through it twice.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that tells, saves and assesses."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """The rows of a batch that are this process's. `rows` is a multiple of `size`."""
        part = rows // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in one exchange."""
        if self.size == 1 or not tensors:
            return
        with torch.no_grad():
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
            torch.distributed.all_reduce(flat)
            parts = torch.split(flat / self.size, [tensor.numel() for tensor in tensors])
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))  # into its own memory format, which fused optimisers rely on

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean of the processes' tensors; with derivatives of any order, as everybody's losses depend on it."""
        if self.size == 1:
            return tensor
        total: Tensor = _Sum.apply(tensor)
        return total / self.size

    def everyones(self, values: Mapping[int, float], count: int, device: torch.device) -> list[float]:
        """All of `count` values, of which each process knows those at its own places; to the last bit."""
        if self.size == 1:
            return [values[place] for place in range(count)]
        table = torch.zeros(count, dtype=torch.float64, device=device)
        for place, value in values.items():
            table[place] = value
        torch.distributed.all_reduce(table)
        found: list[float] = table.tolist()
        return found

    def agree(self, flag: bool, device: torch.device) -> bool:
        """What the leading process says, everywhere."""
        if self.size == 1:
            return flag
        answer = torch.tensor([flag], dtype=torch.uint8, device=device)
        torch.distributed.broadcast(answer, src=0)
        return bool(answer.item())


class _Sum(torch.autograd.Function):
    """The sum over processes, which is its own adjoint."""

    @staticmethod
    def forward(_: Any, tensor: Tensor) -> Tensor:
        total = tensor.contiguous().clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Any:
        return _Sum.apply(gradients[0])
