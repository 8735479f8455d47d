"""Where and how the arithmetic happens: device, threads, precision, seeds. One per worker process."""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from percept.errors import InputError
from percept.training.group import Group

ALONE = Group()


@dataclass(frozen=True)
class Runtime:
    """The settings under `runtime:` of a recipe, in force."""

    device: torch.device
    precision: torch.dtype
    threads: int
    deterministic: bool
    channels_last: bool = False
    compile: bool = False
    processes: int = 1
    group: Group = ALONE

    @classmethod
    def setup(cls, config: Mapping[str, Any], threads: int, group: Group = ALONE) -> Runtime:
        """Apply `config` to this process, one of a `group`. Raises InputError if the device is not there."""
        device = _device(config["device"], group)
        if device.type == "cuda" and config["processes"] > torch.cuda.device_count():
            raise InputError(
                f"runtime.processes: {config['processes']}, but there are {torch.cuda.device_count()} GPUs; lower it"
            )
        torch.set_num_threads(threads)
        _determinism(config["deterministic"])
        return cls(
            device,
            getattr(torch, config["precision"]),
            threads,
            config["deterministic"],
            config["channels-last"],
            config["compile"],
            config["processes"],
            group,
        )

    def place(self, network: nn.Module) -> nn.Module:
        """The network on this runtime's device, its convolutions in the memory format that the recipe asks for."""
        network = network.to(self.device)
        if self.channels_last:
            network = network.to(memory_format=torch.channels_last)
        return network

    def scaler(self) -> torch.amp.GradScaler | None:
        """What keeps float16 gradients from vanishing; other precisions have the range of float32."""
        return torch.amp.GradScaler(self.device.type) if self.precision is torch.float16 else None

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which networks run: nothing for float32, torch's autocast for less."""
        if self.precision is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def move(self, tensor: Tensor) -> Tensor:
        """The tensor on this runtime's device, images in its memory format."""
        if self.channels_last and tensor.ndim == 4:
            return tensor.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        return tensor.to(self.device, non_blocking=True)

    def facts(self) -> dict[str, Any]:
        """What may change the last bits of a result, for the record."""
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine()
        return {
            "device": f"{self.device.type} ({device})",
            "threads": self.threads,
            "precision": str(self.precision).removeprefix("torch."),
            "deterministic": self.deterministic,
            "channels_last": self.channels_last,
            "compile": self.compile,
            "processes": self.processes,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "platform": platform.system(),
        }


def seed_of(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose of a run, so that adding a discriminator does not change the generator's start."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "big") >> 1


def _device(name: str, group: Group) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"runtime.device: {name} is not there; use cpu or auto")
    return torch.device(f"cuda:{group.rank}" if name == "cuda" and group.size > 1 else name)


def _determinism(wanted: bool) -> None:
    # Filling uninitialised memory costs time on each allocation and no percept code reads such memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # absent from the stubs
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    torch.backends.cudnn.benchmark = not wanted
