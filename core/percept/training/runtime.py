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
from torch import Tensor

from percept.errors import InputError


@dataclass(frozen=True)
class Runtime:
    """The settings under `runtime:` of a recipe, in force."""

    device: torch.device
    precision: torch.dtype
    threads: int
    deterministic: bool

    @classmethod
    def setup(cls, config: Mapping[str, Any], threads: int) -> Runtime:
        """Apply `config` to this process. Raises InputError if the device is not there."""
        name = config["device"]
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name.startswith("cuda") and not torch.cuda.is_available():
            raise InputError(f"runtime.device: {name} is not there; use cpu or auto")
        torch.set_num_threads(threads)
        _determinism(config["deterministic"])
        return cls(torch.device(name), getattr(torch, config["precision"]), threads, config["deterministic"])

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which networks run: nothing for float32, torch's autocast for less."""
        if self.precision is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def move(self, tensor: Tensor) -> Tensor:
        """The tensor on this runtime's device."""
        return tensor.to(self.device, non_blocking=True)

    def facts(self) -> dict[str, Any]:
        """What may change the last bits of a result, for the record."""
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine()
        return {
            "device": f"{self.device.type} ({device})",
            "threads": self.threads,
            "precision": str(self.precision).removeprefix("torch."),
            "deterministic": self.deterministic,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "platform": platform.system(),
        }


def seed_of(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose of a run, so that adding a discriminator does not change the generator's start."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "big") >> 1


def _determinism(wanted: bool) -> None:
    # Filling uninitialised memory costs time on each allocation and no percept code reads such memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # absent from the stubs
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    torch.backends.cudnn.benchmark = not wanted
