"""spandrel's networks: found by name, built from arguments, recognised from weights."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import spandrel  # type: ignore[import-untyped]  # spandrel ships no types
from percept.errors import ComponentError
from torch import Tensor, nn

# spandrel keeps every architecture under terms that forbid commerce, or ask for copyleft, in a distribution of its own.
RESTRICTED = "spandrel_extra_arches"
LONGEST = 160  # characters of what torch or an architecture says in an error
# What constructors call the magnification.
_SCALES = ("upscale", "scale", "up_scale", "upscale_factor", "upscaling_factor")


@dataclass(frozen=True)
class Network:
    """A network, and what spandrel knows of it.

    architecture  the name that it is found by
    arguments     what its constructor was given, other than the defaults: plain JSON values
    call          (module, images) → restored images, with gradients
    padding       (width, height) of an image → how many columns and rows it lacks
    commercial    False for what spandrel keeps apart because of its terms
    """

    module: nn.Module
    architecture: str
    arguments: dict[str, Any]
    scale: int
    call: Callable[[nn.Module, Tensor], Tensor]
    padding: Callable[[int, int], tuple[int, int]]
    commercial: bool


def build(name: str, arguments: Mapping[str, Any], scale: int = 0) -> Network:
    """An untrained network. A `scale` above 0 is passed on where the constructor has a parameter for it.

    Raises ComponentError for a name that is unknown, arguments that make no network, and networks that spandrel does
    not recognise by their weights, or that do not restore RGB images.
    """
    architecture, cls = _find(name)
    module = _construct(name, cls, {**_magnification(cls, scale), **arguments})
    # The network itself says neither its scale nor what sizes it takes: spandrel reads both off its weights.
    return _described(module, _load(architecture, cls, module.state_dict(), f"{name} with such arguments"), name)


def recognise(weights: Mapping[str, Tensor], where: str, name: str = "", arguments: Mapping[str, Any] = {}) -> Network:
    """The network that such weights belong to, with them; `arguments` replace those that spandrel deduces.

    Raises ComponentError, naming `where`, if spandrel knows none, if it is another one than `name`, if the weights
    do not fit with these arguments, or if it does not restore RGB images.
    """
    architecture, cls = _find(name) if name else (_detected(weights, where), None)
    descriptor = _load(architecture, cls, weights, where)
    module: nn.Module = descriptor.model
    if arguments:
        trained = module.state_dict()
        module = _construct(_name(module), type(module), {**arguments_of(module), **arguments})
        fill(module, trained, where)
    return _described(module, descriptor, where)


def fill(module: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Load the weights exactly. Raises ComponentError, naming `where`, if they do not fit."""
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        _, _, misfits = str(error).partition(":")
        raise ComponentError(f"spandrel: {where}: does not fit {_name(module)}: {_line(misfits)}") from error


def translated(name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published checkpoint under the names of the network; one that is not of its architecture stays as it is."""
    architecture, _ = _find(name)
    if not architecture.detect(weights):
        return dict(weights)
    state: dict[str, Tensor] = _load(architecture, None, weights, "the checkpoint").model.state_dict()
    return state


def arguments_of(module: nn.Module) -> dict[str, Any]:
    """What differs from the defaults of the constructor, as plain JSON values."""
    defaults = {name: p.default for name, p in inspect.signature(type(module)).parameters.items()}
    given: dict[str, Any] = getattr(module, "hyperparameters", {})
    kept = {key: value for key, value in given.items() if key not in defaults or defaults[key] != value}
    plain: dict[str, Any] = json.loads(json.dumps(kept, default=repr))
    return plain


@functools.cache
def _networks() -> dict[str, tuple[Any, type[nn.Module]]]:
    """Name → spandrel's architecture and the class of network; some architectures have several."""
    return {name: (arch.architecture, cls) for arch in _registry() for name, cls in _classes(arch.architecture).items()}


@functools.cache
def _registry() -> Any:
    registry = spandrel.MAIN_REGISTRY.copy()
    try:
        extra = importlib.import_module(RESTRICTED)
    except ImportError:
        return registry
    registry.add(*extra.EXTRA_REGISTRY, ignore_duplicates=True)
    return registry


def _classes(architecture: Any) -> dict[str, type[nn.Module]]:
    module = sys.modules[type(architecture).__module__]
    exported = {name: getattr(module, name) for name in module.__all__}
    return {name: value for name, value in exported.items() if isinstance(value, type) and issubclass(value, nn.Module)}


def _find(name: str) -> tuple[Any, type[nn.Module]]:
    known = _networks()
    if name in known:
        return known[name]
    several = [n for n, (architecture, _) in known.items() if architecture.id == name]
    by_letters = {n.casefold(): n for n in known}
    near = several or [by_letters[n] for n in difflib.get_close_matches(name.casefold(), by_letters, 3, 0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise ComponentError(f"spandrel: no architecture is called '{name}'; {hint}")


def _construct(name: str, cls: type[nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    try:
        return cls(**arguments)
    except Exception as error:  # whatever an architecture asserts of its arguments
        known = list(inspect.signature(cls).parameters)
        for unknown in (argument for argument in arguments if argument not in known):
            near = difflib.get_close_matches(unknown, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise ComponentError(f"spandrel: {name} has no argument '{unknown}'; {hint}") from error
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items()) or "its defaults"
        raise ComponentError(f"spandrel: {name} cannot be built with {given}: {_short(error)}") from error


def _magnification(cls: type[nn.Module], scale: int) -> dict[str, Any]:
    parameters = inspect.signature(cls).parameters
    names = [name for name in _SCALES if name in parameters and isinstance(parameters[name].default, int)]
    return {names[0]: scale} if scale and names else {}


def _detected(weights: Mapping[str, Tensor], where: str) -> Any:
    for support in _registry().architectures("detection"):
        if support.detect(weights):
            return support.architecture
    raise ComponentError(f"spandrel: {where}: weights of no architecture that spandrel {spandrel.__version__} knows")


def _load(architecture: Any, cls: type[nn.Module] | None, weights: Mapping[str, Tensor], where: str) -> Any:
    """What spandrel makes of these weights: a descriptor, and inside it the network."""
    if not architecture.detect(weights):
        raise ComponentError(f"spandrel: {where}: spandrel does not recognise {architecture.id} by these weights")
    try:
        descriptor = architecture.load(dict(weights))
    except Exception as error:  # whatever an architecture makes of weights that it takes for its own
        raise ComponentError(f"spandrel: {where}: not a {architecture.id} after all: {_short(error)}") from error
    if cls and type(descriptor.model) is not cls:
        raise ComponentError(f"spandrel: {where}: spandrel takes this for a {_name(descriptor.model)}; name that one")
    return descriptor


def _described(module: nn.Module, descriptor: Any, where: str) -> Network:
    name = _name(module)
    if descriptor.purpose not in ("SR", "Restoration"):
        raise ComponentError(f"spandrel: {where}: {name} is for {descriptor.purpose}, neither SR nor restoration")
    inputs, outputs = descriptor.input_channels, descriptor.output_channels
    if (inputs, outputs) != (3, 3):
        raise ComponentError(f"spandrel: {where}: {name} makes {outputs} of {inputs} channels; images have 3, RGB")
    return Network(
        module,
        name,
        arguments_of(module),
        descriptor.scale,
        descriptor._call_fn,  # calling the descriptor itself would clamp, and cut off the gradient
        descriptor.size_requirements.get_padding,
        commercial=not type(descriptor.architecture).__module__.startswith(RESTRICTED),
    )


def _name(module: nn.Module) -> str:
    return next((name for name, (_, cls) in _networks().items() if type(module) is cls), type(module).__name__)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {_line(str(error))}"


def _line(text: str) -> str:
    """In one line of bearable length."""
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST else f"{joined[:LONGEST]} …"
