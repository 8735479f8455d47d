"""Where and how the arithmetic happens: device, threads, precision, seeds. One per worker process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from percept.errors import InputError
from percept.training.group import Group

ALONE = Group()
_allowed_tf32 = False


@dataclass(frozen=True)
class Runtime:
    """The settings under `runtime:` of a recipe, in force.

    places  which GPUs, counted round, are this run's: one for each of its processes; none where it has all for itself
    """

    device: torch.device
    precision: torch.dtype
    threads: int
    deterministic: bool
    channels_last: bool = False
    compile: bool = False
    processes: int = 1
    group: Group = ALONE
    tf32: bool = False
    places: tuple[int, ...] = ()

    @classmethod
    def setup(
        cls, config: Mapping[str, Any], threads: int, group: Group = ALONE, places: Sequence[int] = ()
    ) -> Runtime:
        """Apply `config` to this process, one of a `group`. Raises InputError if the device is not there."""
        device = _device(config["device"], config["processes"], group.rank, places)
        torch.set_num_threads(threads)
        _determinism(config["deterministic"])
        rounds = config["precision"] == "tf32"
        tf32 = rounds and device.type == "cuda"
        if device.type == "cuda":
            torch.cuda.set_device(device)
            _allow_tf32(tf32)
        return cls(
            device,
            torch.float32 if rounds else getattr(torch, config["precision"]),
            threads,
            config["deterministic"],
            config["channels-last"],
            config["compile"],
            config["processes"],
            group,
            tf32,
            tuple(places),
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

    def finish(self) -> None:
        """Wait until the device has done what it was given: for who looks at the clock."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def facts(self) -> dict[str, Any]:
        """What may change the last bits of a result, for the record."""
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine()
        return {
            "device": f"{self.device.type} ({device})",
            "threads": self.threads,
            "precision": "tf32" if self.tf32 else str(self.precision).removeprefix("torch."),
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


@contextlib.contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """Within, GPUs compute float32 as it is. torch lets convolutions round to TF32, of ten bits."""
    if device.type != "cuda":
        yield
        return
    _switch_tf32(False)
    try:
        yield
    finally:
        _switch_tf32(_allowed_tf32)


def _device(name: str, processes: int, rank: int, places: Sequence[int]) -> torch.device:
    """The device of process `rank`: of the GPUs, counted round, the one at its place; its rank is its place if none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not name.startswith("cuda"):
        return torch.device(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise InputError(f"runtime.device: {name} is not there; use cpu or auto")
    if name == "cuda":
        if processes > count:
            raise InputError(f"runtime.processes: {processes}, but there are {count} GPUs; lower it")
        return torch.device("cuda", (places[rank] if places else rank) % count)
    if processes > 1:
        raise InputError(f"runtime.device: {name} is one GPU, but runtime.processes {processes} want as many; use cuda")
    device = torch.device(name)
    if device.index >= count:
        raise InputError(f"runtime.device: {name} is not there; the last is cuda:{count - 1}")
    return device


def _allow_tf32(allowed: bool) -> None:
    global _allowed_tf32  # torch's switch is as global, and cannot always be read
    _allowed_tf32 = allowed
    _switch_tf32(allowed)


def _switch_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def _determinism(wanted: bool) -> None:
    if wanted:  # cuBLAS asks for it when it is first used
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Filling uninitialised memory costs time on each allocation and no percept code reads such memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # absent from the stubs
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    torch.backends.cudnn.benchmark = not wanted
