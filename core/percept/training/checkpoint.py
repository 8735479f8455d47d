"""Training state on disk: written whole or not at all, read without running anybody's code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from percept.errors import PerceptError


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
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception:  # reading half a pickle fails with whatever its bytes happen to ask for
        return None
    return state


def to_bytes(module: nn.Module) -> bytes:
    """A module's weights as a safetensors file."""
    return tensors_to_bytes(module.state_dict())


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Named tensors as a safetensors file."""
    from safetensors.torch import save

    return save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})


def plain_weights(module: nn.Module) -> dict[str, Tensor]:
    """A module's weights as they act, under the names that they have without spectral norm or the like."""
    state = dict(module.state_dict())
    with torch.no_grad():
        for prefix, layer in module.named_modules():
            for name in getattr(layer, "parametrizations", {}):
                inside = ".".join(part for part in (prefix, "parametrizations", name) if part) + "."
                kept = {key: value for key, value in state.items() if not key.startswith(inside)}
                if len(kept) < len(state):  # else the module gives its weights so already, under names of its own
                    state = kept
                    state[f"{prefix}.{name}".lstrip(".")] = getattr(layer, name).detach().clone()
    return state
