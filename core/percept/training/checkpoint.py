"""Training state on disk: written whole or not at all, read without running anybody's code."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from percept.errors import InputError, PerceptError


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Replace `path` by `state` in one step: after a crash there is the old file or the new one, never half of one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PerceptError(f"{path}: cannot write the checkpoint: {error.strerror}; free some space") from error
    except RuntimeError as error:  # torch's own writer reports a full disk so
        temporary.unlink(missing_ok=True)
        raise PerceptError(f"{path}: cannot write the checkpoint ({str(error).splitlines()[0]})") from error


def load_state(path: Path) -> dict[str, Any] | None:
    """The state at `path`, or None if there is none that can be read: training then starts afresh."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    return state


def to_bytes(module: nn.Module) -> bytes:
    """A module's weights as a safetensors file."""
    from safetensors.torch import save

    return save({name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights from a .safetensors file, or a .pth/.pt one read with weights_only=True.

    Raises InputError if the file is absent, damaged, or a pickle that wants to run code.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: refused, this pickle wants to run code; convert it to .safetensors") from error
    except (SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a checkpoint that can be read ({str(error).splitlines()[0]})") from error
    return weights


def load_weights(module: nn.Module, weights: dict[str, Tensor], where: str) -> None:
    """Load `weights` exactly. Raises InputError that names the first keys that do not fit, with both shapes."""
    mine = module.state_dict()
    wrong = [f"{k} is absent" for k in mine if k not in weights]
    wrong += [f"{k} is not in the network" for k in weights if k not in mine]
    wrong += [
        f"{k} is {tuple(v.shape)}, the network's is {tuple(mine[k].shape)}"
        for k, v in weights.items()
        if k in mine and v.shape != mine[k].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InputError(f"{where}: does not fit {type(module).__name__}: {'; '.join(wrong[:3])}{more}")
    module.load_state_dict(weights)
