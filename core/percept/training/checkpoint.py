"""Training state on disk: written whole or not at all, read without running anybody's code."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
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


# What published checkpoints wrap their weights in, the best first: where there is an average, that was published.
_WRAPPERS = ("params_ema", "params", "state_dict", "model", "model_state_dict")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights from a .safetensors file, or a .pth/.pt one read with weights_only=True; wrappers are taken off.

    Raises InputError if the file is absent, damaged, holds no weights, or is a pickle that wants to run code.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: refused, this pickle wants to run code; convert it to .safetensors") from error
    except Exception as error:  # a file that is something else makes its reader stumble anywhere
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not a checkpoint that can be read ({reason[:160]})") from error
    return unwrapped(content, str(path))


def unwrapped(content: Any, where: str) -> dict[str, Tensor]:
    """Name → tensor out of what a checkpoint holds: the wrapper, and the `module.` of data parallelism, taken off.

    Raises InputError if there is anything else in it.
    """
    wrapper = next((w for w in _WRAPPERS if isinstance(content, dict) and isinstance(content.get(w), dict)), None)
    if wrapper:
        return unwrapped(content[wrapper], where)
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise InputError(f"{where}: holds {_what(content)}, not a network's weights")
    parallel = all(name.startswith("module.") for name in content)
    return {name.removeprefix("module.") if parallel else name: value for name, value in content.items()}


def _what(content: Any) -> str:
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    return f"{', '.join(others[:3])}" if others else "nothing"


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Load `weights` exactly; a network with `translate` says how a published checkpoint's names become its own.

    Raises InputError that names the first keys that do not fit, with both shapes.
    """
    if hasattr(module, "translate"):
        weights = module.translate(dict(weights))  # type: ignore[operator]  # no Tensor
    mine = module.state_dict()
    wrong = [
        f"{k} is {tuple(v.shape)}, the network's is {tuple(mine[k].shape)}"
        for k, v in weights.items()
        if k in mine and v.shape != mine[k].shape
    ]
    wrong += [f"{k} {tuple(v.shape)} is absent" for k, v in mine.items() if k not in weights]
    wrong += [f"{k} {tuple(v.shape)} is not in the network" for k, v in weights.items() if k not in mine]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InputError(f"{where}: does not fit {type(module).__name__}: {'; '.join(wrong[:3])}{more}")
    module.load_state_dict(weights)
