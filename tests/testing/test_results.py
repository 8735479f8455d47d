"""How checks are run, and what becomes of known failures."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import unittest
from typing import TYPE_CHECKING, Any

import pytest
import torch
from percept.errors import ComponentError
from percept.registry import Registry
from percept.specs import SPECS, DegradationSpec
from percept.testing import CheckSkipped, ConformanceError, checks_for, marks, parametrize, results, run_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Darken:
    scale = 1

    def __init__(self, by: float = 0.5) -> None:
        self.by = by
        torch.rand(1)

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return target * self.by if self.by else target.div(0)


class Unbuildable:
    def __init__(self) -> None:
        raise RuntimeError("no such\nluck")


def spec_of(cls: type = Darken, **facts: Any) -> DegradationSpec:
    return DegradationSpec(name="darken", summary="", target=f"{__name__}:{cls.__name__}", **facts)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, component: Any) -> Callable[..., None]:
    def install(*specs: DegradationSpec) -> None:
        registry = Registry([component(*specs).plugin])
        for module in (results, marks):
            monkeypatch.setattr(module, "registry", lambda: registry)

    return install


def statuses(found: list[results.Result]) -> dict[str, str]:
    return {result.check: result.status for result in found if result.status != "ok"}


def test_all_is_ok(install: Any) -> None:
    install(spec_of())
    found = run_checks("degradation", "darken")
    assert statuses(found) == {}
    assert found[0].check == "builds"
    assert all(r.conforms and r.reason == "" and r.seconds > 0 for r in found)


def test_results_can_be_written_as_json(install: Any) -> None:
    install(spec_of())
    rows = json.loads(json.dumps([dataclasses.asdict(result) for result in run_checks("degradation", "darken")]))
    assert rows[0]["check"] == "builds"


def test_every_check_says_what_it_asks(component: Any) -> None:
    facts: dict[str, Any] = {"name": "any", "summary": "", "target": "a:b", "known_failures": {"shape": ""}}
    own: dict[str, dict[str, Any]] = {"discriminator": {"output": "image"}, "assessor": {"direction": "higher"}}
    for kind, spec in SPECS.items():
        bounds: dict[str, Any] = {"range": (0, 1), "symmetric": True} if kind in ("assessor", "fidelity_loss") else {}
        checks = checks_for(component(spec(**facts, **bounds, **own.get(kind, {}))))
        assert len(checks) > 5
        assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", check.name) for check in checks)
        assert all(check.doc.endswith((".", ")")) for check in checks), kind


def test_parameters_reach_the_component(install: Any) -> None:
    install(spec_of())
    assert statuses(run_checks("degradation", "darken", by=0.0)) == {"finite": "failed"}
    assert run_checks("degradation", "darken", bye=0.0)[0].reason.endswith("unknown parameter, did you mean by?")


def test_a_known_failure_is_expected(install: Any) -> None:
    install(spec_of(arguments={"by": 0.0}, known_failures={"finite": "divides"}))
    found = {result.check: result for result in run_checks("degradation", "darken")}
    assert found["finite"].status == "expected"
    assert found["finite"].reason == "divides"
    assert all(result.conforms for result in found.values())


def test_a_known_failure_that_passes_is_an_error(install: Any) -> None:
    install(spec_of(known_failures={"finite": "divides"}))
    (wrong,) = (result for result in run_checks("degradation", "darken") if not result.conforms)
    assert (wrong.check, wrong.status) == ("finite", "unexpected-pass")
    assert wrong.reason == "known to fail (divides), but it passes"


def test_a_known_failure_of_no_check_is_an_error(install: Any) -> None:
    install(spec_of(known_failures={"finit": "misspelt", "multiples-only": "it does not resize"}))
    (wrong,) = (result for result in run_checks("degradation", "darken") if not result.conforms)
    assert wrong.check == "known-failures"
    assert "finit, multiples-only: no such check" in wrong.reason


def test_what_cannot_be_built_fails_once(install: Any) -> None:
    install(spec_of(Unbuildable))
    first, *others = run_checks("degradation", "darken")
    assert first.status == "failed"
    assert first.reason == "degradation 'darken' (percept-broken): builds: raises RuntimeError: no such luck"
    assert {r.status for r in others} == {"skipped"}
    assert others[0].reason == "degradation 'darken' does not build, see there"


def test_what_cannot_be_imported_fails_once(install: Any) -> None:
    install(DegradationSpec(name="darken", summary="", target="percept_absent.module:Thing"))
    first, *others = run_checks("degradation", "darken")
    assert "percept_absent.module:Thing cannot be imported" in first.reason
    assert {r.status for r in others} == {"skipped"}


def test_torchs_generator_is_left_alone(install: Any) -> None:
    install(spec_of())
    before = torch.random.get_rng_state()
    run_checks("degradation", "darken")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_one_check_can_be_run_by_itself(component: Any) -> None:
    checks = {check.name: check for check in checks_for(component(spec_of()), by=0.0)}
    checks["seeded"].run()
    with pytest.raises(ConformanceError, match=r"^degradation 'darken' .*: finite: natural targets"):
        checks["finite"].run()


def test_as_pytest_cases(install: Any) -> None:
    install(spec_of(known_failures={"finite": "divides"}))
    names, cases = parametrize("darken").mark.args
    assert names == "check"
    marked = {case.id: [(mark.name, mark.kwargs) for mark in case.marks] for case in cases}
    assert marked.pop("degradation-darken-finite") == [("xfail", {"strict": True, "reason": "divides"})]
    assert marked.pop("degradation-darken-builds") == []
    assert not any(marked.values())


def test_as_pytest_cases_by_kind_and_distribution(install: Any) -> None:
    install(spec_of())
    assert parametrize("percept-broken:darken", "degradation").mark.args[1]
    with pytest.raises(ComponentError, match="no installed assessor is called 'darken'"):
        parametrize("darken", "assessor")
    with pytest.raises(ComponentError, match="no installed component is called 'lighten'"):
        parametrize("lighten")


def test_pytest_and_unittest_take_a_skipped_check_for_a_skip() -> None:
    assert issubclass(CheckSkipped, unittest.SkipTest)


def test_pytest_is_imported_only_for_its_cases() -> None:
    script = "import sys, percept.testing; sys.exit('pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
