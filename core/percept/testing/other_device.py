"""A second device, simulated: what mixes its tensors with the processor's fails here as it would on an accelerator.

Its tensors live in the processor's memory, compute the processor's numbers, and say that they are on torch's device
`meta`; whatever makes tensors "on the device of its input" makes them there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

from percept.testing.check import CheckSkipped
from percept.testing.mixing import require_one_device

T = TypeVar("T")

DEVICE = torch.device("meta")
_CPU = torch.device("cpu")
_AUTOCAST = torch.autocast
_aten = torch.ops.aten
# Below dispatch, nobody would act upon what these only note.
_EAGER = {_aten._conj.default: _aten._conj_physical.default, _aten._neg_view.default: _aten.neg.default}


class _Far(Tensor):
    """A tensor on the other device; `near` is the processor's tensor that has its numbers."""

    near: Tensor

    @staticmethod
    def __new__(cls: type[_Far], near: Tensor) -> _Far:
        made: _Far = Tensor._make_wrapper_subclass(
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=DEVICE,
            requires_grad=near.requires_grad,
        )
        made.near = near
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]  # torch's own is no class method
        return _compute(func, args, kwargs or {})

    def __repr__(self) -> str:  # type: ignore[override]  # torch's takes contents, too
        return f"on another device: {self.near}"

    # What follows is read by torch's C++, which does not ask `__torch_dispatch__`.
    def __getitem__(self, places: Any) -> Any:
        return super().__getitem__(_as_tensors(places))

    def __setitem__(self, places: Any, values: Any) -> None:
        super().__setitem__(_as_tensors(places), values)

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # type: ignore[override]  # torch's takes layouts, too
        made = torch.tensor(data, dtype=dtype or self.dtype, device=device or DEVICE)
        return made.requires_grad_(requires_grad)

    def tolist(self) -> Any:
        return self.near.tolist()

    def __format__(self, spec: str) -> str:
        return format(self.near, spec)

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError("a tensor on another device has no numpy array; use .cpu() first")
        return self.near.numpy(force=True)

    def __array__(self, dtype: Any = None) -> Any:
        return self.numpy()


class _Dispatch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not annotate it
    """Sees what makes tensors of nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


def far(tensor: Tensor) -> Tensor:
    """A copy of the tensor on the other device."""
    return _Far(tensor.detach().clone()).requires_grad_(tensor.requires_grad)


@contextlib.contextmanager
def other_device() -> Iterator[torch.device]:
    """Within, the device that is yielded computes; without, its tensors are of no use."""
    with contextlib.ExitStack() as stack:
        for name in ("tensor", "as_tensor", "asarray"):
            stack.enter_context(mock.patch.object(torch, name, _made(getattr(torch, name))))
        for module in (torch, torch.amp):
            stack.enter_context(mock.patch.object(module, "autocast", _autocast))
        stack.enter_context(_Dispatch())  # type: ignore[no-untyped-call]  # torch does not annotate it
        yield DEVICE


def moved(built: T, device: torch.device) -> T:
    """A component on that device, where it has something to move; what has not follows its input."""
    if hasattr(built, "to"):
        built.to(device)
    return built


def _made(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`torch.tensor` and the like, which fill their tensors where no dispatch mode sees it."""

    def made(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        known = data.device if device is None and isinstance(data, Tensor) else device
        here = tree_map(_near, data)
        if known is None or torch.device(known) != DEVICE:
            return make(here, *args, device=device, **kwargs)
        requires_grad = kwargs.pop("requires_grad", False)
        return make(here, *args, device=_CPU, **kwargs).to(DEVICE).requires_grad_(requires_grad)

    return made


def _autocast(device_type: str, *args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
    """Autocast of the device that computes, for code that asks for that of its input."""
    return _AUTOCAST(_CPU.type if device_type == DEVICE.type else device_type, *args, **kwargs)


def _compute(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    leaves = tree_leaves((args, kwargs))
    if any(isinstance(leaf, Tensor) and leaf.is_meta and not _is_far(leaf) for leaf in leaves):
        raise CheckSkipped(f"{func}: its tensor was made in a way that the simulated device does not see")
    any_far, asked = any(map(_is_far, leaves)), kwargs.get("device")
    to_far = any_far if asked is None else torch.device(asked) == DEVICE
    require_one_device(func, args, kwargs, _is_far, to_far)
    here = dict(kwargs) if asked is None else {**kwargs, "device": _CPU}
    made = _EAGER.get(func, func)(*tree_map(_near, args), **tree_map(_near, here))
    if func is _aten.copy_.default:
        return args[0]
    if not to_far:
        return made
    made = tree_map(lambda leaf: _Far(leaf) if isinstance(leaf, Tensor) else leaf, made)
    if not any_far:
        return made
    return return_and_correct_aliasing(func, args, dict(kwargs), made)  # type: ignore[no-untyped-call]  # as above


def _is_far(value: Any) -> bool:
    return isinstance(value, _Far)


def _as_tensors(places: Any) -> Any:
    """An index with its sequences of numbers as tensors."""
    if isinstance(places, tuple):
        return tuple(torch.tensor(place) if isinstance(place, list | tuple | range) else place for place in places)
    return torch.tensor(places) if isinstance(places, list | range) else places


def _near(value: Any) -> Any:
    return value.near if isinstance(value, _Far) else value
