"""Conformance suites: what every component of a kind must do, and whether one does it.

In a plugin's own tests, one case for each check of each component called `my-metric`, loss and assessor alike:

    import percept.testing

    @percept.testing.parametrize("my-metric")
    def test_conformance(check: percept.testing.Check) -> None:
        check.run()

A check that a component is known not to meet stands in its spec, `known_failures={"symmetric": "why"}`: it is then
expected to fail, and it is an error if it passes. `percept plugins check my-metric` prints the same checks.
The images come from `percept.testing.images` and, by hypothesis where it is installed, `percept.testing.pairs`: always
the same ones, more of them if the environment's PERCEPT_TEST_EXAMPLES says so. Nothing is read from disk but what a
component itself reads.
"""

from __future__ import annotations

from percept.testing.check import Check, CheckSkipped, ConformanceError
from percept.testing.marks import parametrize
from percept.testing.results import Result, Status, run_checks, run_component
from percept.testing.suites import SUITES, checks_for

__all__ = [
    "SUITES",
    "Check",
    "CheckSkipped",
    "ConformanceError",
    "Result",
    "Status",
    "checks_for",
    "parametrize",
    "run_checks",
    "run_component",
]
