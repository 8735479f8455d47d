"""What a check is, and what a suite of them has to offer."""

from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from percept.errors import DataError, ImageError, PerceptError
from percept.registry import Component, Registry, label
from percept.registry.signature import has_parameter
from percept.specs import Spec

S = TypeVar("S", bound=Spec)
Method = Callable[[Any], None]

_APPLIES = "percept_applies"
KNOWN_DOC = "Every key of the spec's known_failures names a check of the component."


class ConformanceError(PerceptError, AssertionError):
    """A component does not meet its contract: one line that says which component, which check, and what happened."""


class CheckSkipped(unittest.SkipTest):  # it is no error; pytest and unittest both report it as a skip
    """A check cannot be made here, and why: files are absent, or the component cannot even be built."""


@dataclass(frozen=True)
class Check:
    """One requirement on one component.

    name  what `known_failures` calls it, unique within the component
    run   returns None if the requirement is met; raises ConformanceError if not, CheckSkipped if nobody can tell here
    doc   the requirement, in one sentence
    """

    name: str
    run: Callable[[], None]
    doc: str


def check(applies: Callable[[Any], bool] = lambda _: True) -> Callable[[Method], Method]:
    """Mark a suite's method as a check, named as the method but with hyphens, for the suites where `applies` holds."""

    def mark(method: Method) -> Method:
        setattr(method, _APPLIES, applies)
        return method

    return mark


def require(condition: bool, message: str) -> None:
    """Raise ConformanceError with `message` unless `condition` holds."""
    if not condition:
        raise ConformanceError(message)


def require_image_error(call: Callable[[], object], what: str) -> None:
    """Require that `call` raises ImageError with a message of one line; `what` says what it was given."""
    try:
        call()
    except ImageError as error:
        require(len(str(error).splitlines()) == 1, f"{what}: its ImageError is not one line")
    except CheckSkipped:
        raise
    except Exception as error:
        raise ConformanceError(f"{what}: raises {describe(error)}, not ImageError") from error
    else:
        raise ConformanceError(f"{what}: accepted, not refused with ImageError")


def largest_difference(first: torch.Tensor, second: torch.Tensor) -> float:
    """Max |first - second|, where NaN against anything counts as 0: whether values are finite is another check's."""
    return (first - second).abs().nan_to_num(0.0).max().item()


class Suite(Generic[S]):
    """The checks of one kind, on one component built with `parameters`.

    The random numbers that a check or a constructor draws are the same in every run, and leave torch's generator alone.
    """

    def __init__(self, component: Component, parameters: Mapping[str, Any]) -> None:
        self.component = component
        self.spec: S = component.spec  # type: ignore[assignment]  # checks_for pairs the suite with the spec's kind
        self.parameters = dict(parameters)

    @functools.cached_property
    def subject(self) -> Any:
        """The component, built once for all checks that leave it as it is."""
        return self.rebuilt()

    def rebuilt(self, seed: int = 0, **more: Any) -> Any:
        """A fresh component whose random parameters follow from `seed`. Raises CheckSkipped if `builds` would fail."""
        try:
            built = self.build(seed, **more)
            self.verify_interface(built)
        except CheckSkipped:
            raise
        except Exception as error:
            raise CheckSkipped(f"{label(self.spec.kind)} '{self.spec.name}' does not build, see there") from error
        return built

    def build(self, seed: int = 0, **more: Any) -> Any:
        """Build it; errors are the component's own, but for absent files, which raise CheckSkipped."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                return self._construct({**self.parameters, **more})
            except DataError as error:
                if not self.may_lack_files:
                    raise
                raise CheckSkipped(str(error)) from error

    @property
    def may_lack_files(self) -> bool:
        """Whether a DataError of the constructor means that files are absent here, which is no fault."""
        return bool(self.spec.weights)

    def takes(self, parameter: str) -> bool:
        """Whether the target has a parameter of that name."""
        return has_parameter(self.component.target(), parameter)

    def checks(self) -> list[Check]:
        """Those that apply, in the order of definition, base classes first."""
        ordered = {name: None for cls in reversed(type(self).__mro__) for name in vars(cls)}
        methods = [getattr(self, name) for name in ordered if hasattr(getattr(type(self), name), _APPLIES)]
        due = [method for method in methods if getattr(method, _APPLIES)(self)]
        found = [self._check(m.__name__.replace("_", "-"), m, inspect.getdoc(m) or "") for m in due]
        if self.spec.known_failures:
            names = {c.name for c in found}
            found.append(self._check("known-failures", lambda: self._require_known(names), KNOWN_DOC))
        return found

    @check()
    def builds(self) -> None:
        """It can be built, and has the methods that its kind must have."""
        self.verify_interface(self.build())

    def verify_interface(self, built: Any) -> None:
        """Raise ConformanceError unless `built` is what this kind must be."""
        raise NotImplementedError

    def _construct(self, parameters: dict[str, Any]) -> Any:
        return Registry([self.component.plugin]).build(self.spec.kind, self.spec.name, **parameters)

    def _check(self, name: str, method: Callable[[], None], doc: str) -> Check:
        where = f"{label(self.spec.kind)} '{self.spec.name}' ({self.component.plugin.distribution}): {name}"
        return Check(name, functools.partial(_run, method, where), " ".join(doc.split()))

    def _require_known(self, names: set[str]) -> None:
        unknown = ", ".join(sorted(set(self.spec.known_failures) - names))
        require(not unknown, f"{unknown}: no such check of this component; it has {', '.join(sorted(names))}")


def _run(method: Callable[[], None], where: str) -> None:
    """Run one check with numbers of its own; whatever it raises becomes one line that starts with `where`."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            method()
    except CheckSkipped:
        raise
    except ConformanceError as error:
        raise ConformanceError(f"{where}: {error}") from error.__cause__
    except Exception as error:
        raise ConformanceError(f"{where}: raises {describe(error)}") from error


def describe(error: Exception) -> str:
    """Type and message of an error, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
