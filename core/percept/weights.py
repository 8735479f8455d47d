"""Trained weights in files: read without running anybody's code, and loaded exactly or refused by name."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from percept.errors import InputError

__all__ = ["first_of", "load_weights", "misfits", "read_weights", "require_finite"]

SHOWN = 3
_BEGINNINGS = (b"PK\x03\x04", b"\x80")  # of zip files, and of pickles, as torch wrote before

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
    _require_beginning(path)
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


def _require_beginning(path: Path) -> None:
    """That it is what its name says: web pages and pointers to large files often lie in a checkpoint's place."""
    if path.suffix == ".safetensors":
        return
    with path.open("rb") as file:
        head = file.read(24)
    if not head:
        raise InputError(f"{path}: not a checkpoint that can be read (it is empty)")
    if not head.startswith(_BEGINNINGS):
        raise InputError(f"{path}: not a checkpoint that can be read (it begins with {head!r}); get the file itself")


def unwrapped(content: Any, where: str) -> dict[str, Tensor]:
    """Name → tensor out of what a checkpoint holds: the wrapper, and the `module.` of data parallelism, taken off.

    Raises InputError if there is anything else in it.
    """
    wrapper = next((w for w in _WRAPPERS if isinstance(content, dict) and isinstance(content.get(w), dict)), None)
    if wrapper:
        return unwrapped(content[wrapper], where)
    if not isinstance(content, dict) or not content or not all(_is_weight(*item) for item in content.items()):
        raise InputError(f"{where}: holds {_what(content)}, not a network's weights")
    parallel = all(name.startswith("module.") for name in content)
    return {name.removeprefix("module.") if parallel else name: value for name, value in content.items()}


def _what(content: Any) -> str:
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    others = [str(name) for name, value in content.items() if not _is_weight(name, value)]
    return f"{', '.join(others[:3])}" if others else "nothing"


def _is_weight(name: Any, value: Any) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor) and value.layout is torch.strided


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Load `weights` exactly; a network with `translate` says how a published checkpoint's names become its own.

    Raises InputError that names the first keys that do not fit, with both shapes, or a weight that is not finite.
    """
    if hasattr(module, "translate"):
        weights = module.translate(dict(weights))  # type: ignore[operator]  # no Tensor
    wrong = misfits(weights, module.state_dict())
    if wrong:
        raise InputError(f"{where}: does not fit {type(module).__name__}: {first_of(wrong)}")
    require_finite(weights, where)
    module.load_state_dict(weights)


def require_finite(weights: Mapping[str, Tensor], where: str) -> None:
    """Raises InputError, naming the first, if a weight is infinite or not a number."""
    for name, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise InputError(f"{where}: {name} is not finite everywhere; take another checkpoint")


def misfits(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """What keeps `weights` from being a state such as `wanted`, a line for each name: other shapes and types first.

    Then, in turn, what is absent and what is foreign: side by side they tell a naming from a network.
    """
    both = [(name, value, wanted[name]) for name, value in weights.items() if name in wanted]
    wrong = [f"{n} is {tuple(v.shape)}, the network's is {tuple(w.shape)}" for n, v, w in both if v.shape != w.shape]
    wrong += [
        f"{name} is {value.dtype}, the network's is {own.dtype}"
        for name, value, own in both
        if own.is_floating_point() and not value.is_floating_point()
    ]
    absent = [f"{name} {tuple(value.shape)} is absent" for name, value in wanted.items() if name not in weights]
    foreign = [f"{n} {tuple(v.shape)} is not in the network" for n, v in weights.items() if n not in wanted]
    return wrong + [line for pair in zip_longest(absent, foreign) for line in pair if line]


def first_of(problems: Sequence[str]) -> str:
    """The first three, and how many more."""
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more
