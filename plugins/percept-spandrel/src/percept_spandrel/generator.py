"""The generator `spandrel`: a network of spandrel's as an nn.Module with gradients, any size of image, and a memory."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from percept.weights import read_weights
from torch import Tensor, nn
from torch.nn import functional

from percept_spandrel.networks import RESTRICTED, Network, build, fill, recognise, translated

DEFAULT = "Compact"
# Where torch keeps what `get_extra_state` gives, and where the network's own tensors are.
MEMORY = "_extra_state"
INSIDE = "network."
# Networks of spandrel that fail, or mix images up, when they get several at once.
ONE_BY_ONE = frozenset({"DRUNet", "DnCNN", "IPT", "SeemoRe"})


class SpandrelGenerator(nn.Module):
    """(N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale), not clamped, by a network that spandrel knows; any h, w ≥ 1.

    architecture  spandrel's name, such as `SwinIR`; by default that of the weights, or `Compact` without any
    weights       a published checkpoint, or what a run of this generator left; empty: untrained
    arguments     of the architecture's constructor; with weights they replace those that spandrel deduces
    scale         what the network must magnify by, passed on to an untrained one's constructor; 0: as it comes

    Its state holds, beside the network's, the architecture and the constructor's arguments, which weights alone do
    not tell; loading another's state is refused. Attributes: `architecture`, `arguments`, `scale`, `commercial`, which
    is False for an architecture whose terms are restrictive (a warning says so, too). Images are reflected at their
    right and lower edges to a size that the network takes.

    Raises ComponentError, in one line, for unknown architectures, arguments that make no network, files that are not
    weights or need code to be read, networks that do not map RGB to RGB, and another scale; calling it raises
    ImageError for anything but (N, 3, h, w).
    """

    def __init__(
        self,
        architecture: str = "",
        weights: str = "",
        arguments: dict[str, Any] | None = None,
        scale: int = 0,
    ) -> None:
        super().__init__()
        if not isinstance(arguments, dict | None):
            raise ComponentError(f"spandrel: arguments is a map from names to values, not {arguments!r}")
        if weights:
            found = _loaded(Path(weights).expanduser(), architecture, arguments or {})
        else:
            found = build(architecture or DEFAULT, arguments or {}, scale)
        if scale not in (0, found.scale):
            raise ComponentError(
                f"spandrel: {weights or found.architecture} magnifies {found.scale}×, but scale is {scale}; "
                "change data.degrade, the weights or the arguments"
            )
        if not found.commercial:
            terms = f"from {RESTRICTED}, whose terms are non-commercial or copyleft"
            warnings.warn(f"spandrel: {found.architecture} is {terms}; read its licence", stacklevel=2)
        self.architecture, self.arguments = found.architecture, found.arguments
        self.scale, self.commercial = found.scale, found.commercial
        self.network = found.module
        self._call, self._padding = found.call, found.padding

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "spandrel")
        height, width = degraded.shape[-2:]
        images = self._padded(degraded)
        if self.architecture in ONE_BY_ONE:
            restored = torch.cat([self._call(self.network, image[None]) for image in images])
        else:
            restored = self._call(self.network, images)
        return restored[..., : height * self.scale, : width * self.scale]

    def translate(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """A published checkpoint under this state's names. Raises ComponentError for a state of another network."""
        if MEMORY in weights:
            self.set_extra_state(weights[MEMORY])
        if MEMORY in weights or set(weights) & set(self.state_dict()):
            return weights
        mine = translated(self.architecture, weights)
        return {MEMORY: self.get_extra_state(), **{INSIDE + name: value for name, value in mine.items()}}

    def get_extra_state(self) -> Tensor:
        """What weights do not tell, as UTF-8 bytes of JSON: a safetensors file holds nothing but tensors."""
        text = json.dumps({"architecture": self.architecture, "arguments": self.arguments}, sort_keys=True)
        return torch.tensor(list(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Raise ComponentError unless the state is of a network such as this one."""
        theirs, mine = _remembered(state, "the state"), _remembered(self.get_extra_state(), "the state")
        if theirs != mine:
            raise ComponentError(f"spandrel: the state is of {_text(*theirs)}, but this network is {_text(*mine)}")

    def _padded(self, images: Tensor) -> Tensor:
        """Always a copy: some networks write to their input."""
        height, width = images.shape[-2:]
        right, down = self._padding(width, height)
        mirrored = (0, min(right, width - 1), 0, min(down, height - 1))
        padded = functional.pad(images, mirrored, mode="reflect") if any(mirrored) else images.clone()
        repeated = (0, right - mirrored[1], 0, down - mirrored[3])
        return functional.pad(padded, repeated, mode="replicate") if any(repeated) else padded


def _loaded(path: Path, architecture: str, arguments: dict[str, Any]) -> Network:
    tensors = read_weights(path)
    if MEMORY not in tensors:
        return recognise(tensors, str(path), architecture, arguments)
    remembered, kept = _remembered(tensors.pop(MEMORY), str(path))
    found = build(architecture or remembered, {**kept, **arguments})
    fill(found.module, {name.removeprefix(INSIDE): value for name, value in tensors.items()}, str(path))
    return found


def _remembered(state: Tensor, where: str) -> tuple[str, dict[str, Any]]:
    try:
        memory = json.loads(bytes(state.tolist()))
        return memory["architecture"], memory["arguments"]
    except (ValueError, TypeError, KeyError) as error:
        raise ComponentError(f"spandrel: {where}: {MEMORY} does not say which network this is") from error


def _text(architecture: str, arguments: dict[str, Any]) -> str:
    return f"{architecture}({', '.join(f'{name}={value}' for name, value in sorted(arguments.items()))})"
