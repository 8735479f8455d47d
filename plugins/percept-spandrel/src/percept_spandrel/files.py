"""Checkpoints, read without running anybody's code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from percept.errors import ComponentError
from safetensors.torch import load_file
from spandrel import canonicalize_state_dict  # type: ignore[import-untyped]  # spandrel ships no types
from torch import Tensor


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Name → tensor from .safetensors, or from anything else that torch reads with weights_only=True.

    Wrappers (`params_ema`, `state_dict`, …) and the prefix `module.` are taken off as spandrel does. Raises
    ComponentError if the file is absent, damaged, holds no weights, or is a pickle that wants to run code.
    """
    content = _read(path)
    if isinstance(content, dict) and content:
        content = canonicalize_state_dict(content)
    if not isinstance(content, dict) or not any(isinstance(value, Tensor) for value in content.values()):
        raise ComponentError(f"spandrel: {path}: holds a {type(content).__name__} without weights, not a network")
    return content


def _read(path: Path) -> Any:
    if not path.is_file():
        raise ComponentError(f"spandrel: {path}: no such file; put the weights there, or name an architecture")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ComponentError(
            f"spandrel: {path}: refused, not a pickle of tensors alone; convert it to .safetensors"
        ) from error
    except Exception as error:  # other bytes make torch's unpickler fail in any way, IndexError for one
        line = " ".join(str(error).split())[:120]
        raise ComponentError(f"spandrel: {path}: not a checkpoint that can be read ({line})") from error
