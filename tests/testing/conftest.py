from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from percept.registry import Component, Plugin
from percept.testing import run_component

if TYPE_CHECKING:
    from percept.specs import Spec

Failures = Callable[..., dict[str, str]]


def component_of(*specs: Spec) -> Component:
    """The first spec as a component of a plugin that offers them all, installed nowhere."""
    return Component(specs[0], Plugin("broken", "percept-broken", "0.1.0", "broken", "ok", specs=specs))


@pytest.fixture
def component() -> Callable[..., Component]:
    return component_of


@pytest.fixture
def all_failures() -> Failures:
    """Specs, and parameters → check → why it failed; at least one check must have passed or failed."""

    def run(*specs: Spec, **parameters: Any) -> dict[str, str]:
        results = run_component(component_of(*specs), **parameters)
        assert {"ok", "failed"} & {result.status for result in results}
        assert not any("\n" in result.reason for result in results)
        return {result.check: result.reason for result in results if result.status == "failed"}

    return run


@pytest.fixture
def failures(all_failures: Failures) -> Failures:
    """The same, but for the checks on drawn images: whatever they find, some other check may find, too."""

    def run(*specs: Spec, **parameters: Any) -> dict[str, str]:
        return {name: why for name, why in all_failures(*specs, **parameters).items() if not name.startswith("any-")}

    return run
