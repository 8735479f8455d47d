"""Kind → suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from percept.testing.assessor import AssessorSuite
from percept.testing.dataset import DatasetSuite
from percept.testing.degradation import DegradationSuite
from percept.testing.discriminator import DiscriminatorSuite
from percept.testing.fidelity_loss import FidelityLossSuite
from percept.testing.generator import GeneratorSuite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from percept.registry import Component
    from percept.specs import Kind
    from percept.testing.check import Check, Suite

SUITES: Mapping[Kind, type[Suite[Any]]] = {
    "generator": GeneratorSuite,
    "discriminator": DiscriminatorSuite,
    "fidelity_loss": FidelityLossSuite,
    "assessor": AssessorSuite,
    "dataset": DatasetSuite,
    "degradation": DegradationSuite,
}


def checks_for(component: Component, **parameters: Any) -> list[Check]:
    """The checks that apply to a component built with `parameters`, in the order to run them; builds nothing yet."""
    return SUITES[component.spec.kind](component, parameters).checks()
