"""What an accelerator refuses: operations on tensors, indices and generators of two devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

_aten = torch.ops.aten
COPIES = {_aten.copy_.default, _aten._to_copy.default}
_INDEXING = {
    _aten.index.Tensor,
    _aten.index_put.default,
    _aten.index_put_.default,
    _aten._index_put_impl_.default,
    _aten._unsafe_index.Tensor,
}
# A lone number of the processor's may meet tensors of any device, but for these.
_STRICT = {_aten.cat.default, _aten.stack.default}


class MixedDevicesError(RuntimeError):
    """An operation was given what lies on two devices: one line that names it."""


def require_one_device(
    func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], is_far: Callable[[Any], bool], to_far: bool
) -> None:
    """Raise MixedDevicesError if an accelerator would refuse `func`, whose result is `to_far` on the other device.

    `is_far` says of a tensor whether it is on the other device.
    """
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if not to_far and not any(map(is_far, tensors)):
        return
    if any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise MixedDevicesError(f"{func} draws on another device by the processor's generator; draw here, then move")
    if func in COPIES:
        return
    if func in _INDEXING:
        _require_index(func, *args[:3], is_far=is_far)
        return
    strangers = [t for t in tensors if not is_far(t) and (t.ndim or func in _STRICT)]
    if any(map(is_far, tensors)) and (strangers or any(not is_far(t) for t in _written(func, args, kwargs))):
        raise MixedDevicesError(f"{func} is given tensors of two devices; make them on the device of the input")


def _require_index(
    func: Any, indexed: Tensor, places: Any, values: Tensor | None = None, *, is_far: Callable[[Any], bool]
) -> None:
    """Indices may stay on the processor; what is indexed, and the values that are put there, must be together."""
    far_places = any(is_far(place) for place in places if place is not None)
    apart = values is not None and values.ndim and is_far(values) != is_far(indexed)
    if apart or (far_places and not is_far(indexed)):
        raise MixedDevicesError(f"{func}: a table and its indices or values are on two devices; move the table")


def _written(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes to: its own in place, or `out`."""
    named = [a.name for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    places = {a.name: place for place, a in enumerate(func._schema.arguments)}
    found = [args[places[name]] if places[name] < len(args) else kwargs.get(name) for name in named]
    return [value for value in found if isinstance(value, Tensor)]
