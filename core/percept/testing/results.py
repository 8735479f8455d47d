"""Run the checks of one component and collect what came out: what `percept plugins check` prints."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from percept.registry import Component, registry
from percept.testing.check import Check, CheckSkipped, ConformanceError
from percept.testing.suites import checks_for

if TYPE_CHECKING:
    from percept.specs import Kind

Status = Literal["ok", "failed", "expected", "unexpected-pass", "skipped"]


@dataclass(frozen=True)
class Result:
    """What came of one check.

    check    its name
    status   ok · failed · expected: failed as `known_failures` says · unexpected-pass: passed although it says not ·
             skipped: could not be made
    reason   empty if ok; the failure, in one line; why it is expected; why it was skipped
    seconds  how long it took
    """

    check: str
    status: Status
    reason: str
    seconds: float

    @property
    def conforms(self) -> bool:
        """False if somebody has to do something about it: it failed, or passed unexpectedly."""
        return self.status not in ("failed", "unexpected-pass")


def run_checks(kind: Kind, name: str, **parameters: Any) -> list[Result]:
    """Run all checks on the installed component `name`. Raises ComponentError if there is none, or several."""
    return run_component(registry().find(kind, name), **parameters)


def run_component(component: Component, **parameters: Any) -> list[Result]:
    """`run_checks` for a component in hand, installed or not."""
    known = component.spec.known_failures
    return [_result(check, known.get(check.name)) for check in checks_for(component, **parameters)]


def _result(check: Check, known: str | None) -> Result:
    started = time.perf_counter()
    status, reason = _outcome(check, known)
    return Result(check.name, status, reason, time.perf_counter() - started)


def _outcome(check: Check, known: str | None) -> tuple[Status, str]:
    try:
        check.run()
    except CheckSkipped as skipped:
        return "skipped", str(skipped)
    except ConformanceError as failure:
        return ("failed", str(failure)) if known is None else ("expected", known)
    return ("ok", "") if known is None else ("unexpected-pass", f"known to fail ({known}), but it passes")
