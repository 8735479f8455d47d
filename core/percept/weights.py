"""Trained weights in files: read without running anybody's code, and loaded exactly or refused by name."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from percept.errors import InputError

__all__ = ["first_of", "load_weights", "misfits", "read_weights"]

SHOWN = 3

# What published checkpoints wrap their weights in, the best first: where there is an average, that was published.
_WRAPPERS = (
    *("params_ema", "params-ema", "params", "state_dict_ema", "model_ema"),
    *("state_dict", "model_state_dict", "model", "net"),
)


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
    wrong = misfits(weights, module.state_dict())
    if wrong:
        raise InputError(f"{where}: does not fit {type(module).__name__}: {first_of(wrong)}")
    module.load_state_dict(weights)


def misfits(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """What keeps `weights` from being a state such as `wanted`, a line for each name: other shapes first."""
    wrong = [
        f"{name} is {tuple(value.shape)}, the network's is {tuple(wanted[name].shape)}"
        for name, value in weights.items()
        if name in wanted and value.shape != wanted[name].shape
    ]
    wrong += [f"{name} {tuple(value.shape)} is absent" for name, value in wanted.items() if name not in weights]
    foreign = {name: value for name, value in weights.items() if name not in wanted}
    return wrong + [f"{name} {tuple(value.shape)} is not in the network" for name, value in foreign.items()]


def first_of(problems: Sequence[str]) -> str:
    """The first three, and how many more."""
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more
