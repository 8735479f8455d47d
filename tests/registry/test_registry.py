from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from percept.errors import ComponentError
from percept.registry import Registry
from percept.registry import plugin as plugin_module
from percept.registry.plugin import load_plugin
from percept.registry.signature import parameter_problems, parameters_of

Make = Callable[..., EntryPoint]

GOOD = """
    from percept.hookspecs import hookimpl
    from percept.specs import AssessorSpec

    @hookimpl
    def percept_assessors():
        return [AssessorSpec(name="{name}", summary="a metric", target="{module}:Metric", direction="higher",
                             range=(0, 1), arguments={{"window": 7}})]

    class Metric:
        def __init__(self, window: int = 11, mode: str = "fast") -> None:
            self.window = window
"""


class Distribution:
    def __init__(self, name: str, version: str = "1.0", requires: tuple[str, ...] = ()) -> None:
        self.name, self.version, self.requires = name, version, list(requires)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.syspath_prepend(str(tmp_path))

    def entry(module: str, source: str, distribution: str = "", requires: tuple[str, ...] = ()) -> EntryPoint:
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        sys.modules.pop(module, None)
        point = EntryPoint(module, module, "percept")
        vars(point)["dist"] = Distribution(distribution or f"percept-{module}", requires=requires)
        return point

    return entry


def good(module: str, name: str = "metric") -> str:
    return GOOD.format(name=name, module=module)


def test_a_good_plugin(make: Make) -> None:
    loaded = load_plugin(make("fine", good("fine")))
    assert (loaded.status, loaded.reason, loaded.distribution) == ("ok", "", "percept-fine")
    assert [spec.name for spec in loaded.specs] == ["metric"]
    built = Registry([loaded]).build("assessor", "metric")
    assert built.window == 7
    assert Registry([loaded]).build("assessor", "metric", window=5).window == 5


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no\\n luck')", "RuntimeError: no luck"),
        ("import sys\nsys.exit(3)", "called sys.exit(3) while it was imported"),
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("x = (", "SyntaxError: '(' was never closed (broken.py, line 1)"),
        (
            "from percept.hookspecs import hookimpl\n@hookimpl\ndef percept_asessors(): return []",
            "AttributeError: percept_asessors is not a hook, did you mean percept_assessors?",
        ),
        ("def percept_assessors(): return []", "AttributeError: percept_assessors is not marked with @hookimpl"),
        (
            "from percept.hookspecs import hookimpl\n@hookimpl\ndef percept_assessors(): return 1 / 0",
            "ZeroDivisionError: division by zero",
        ),
        (
            "from percept.hookspecs import hookimpl\n@hookimpl\ndef percept_assessors(): return 'ssim'",
            "TypeError: percept_assessors returned str, not a list of specs",
        ),
        (
            "from percept.hookspecs import hookimpl\n@hookimpl\ndef percept_assessors(): return ['ssim']",
            "TypeError: percept_assessors returned a str, not a AssessorSpec",
        ),
        ("", "ValueError: broken offers nothing: mark its hooks with @hookimpl and return specs"),
    ],
)
def test_a_broken_plugin_says_why_and_costs_nobody_else(make: Make, source: str, reason: str) -> None:
    broken, fine = load_plugin(make("broken", source)), load_plugin(make("fine", good("fine")))
    assert broken.status == "failed"
    assert broken.reason == reason
    assert Registry([broken, fine]).find("assessor", "metric").plugin is fine


def test_another_core_version_is_refused(make: Make) -> None:
    loaded = load_plugin(make("future", good("future"), requires=("torch>=2", "percept-core>=7,<8")))
    assert (loaded.status, loaded.reason) == ("failed", "ImportError: wants percept-core<8,>=7, this is 0.1.0")


def test_a_slow_plugin_works_but_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "SLOW_SECONDS", 0.05)
    loaded = load_plugin(make("slow", "import time\ntime.sleep(0.1)\n" + textwrap.dedent(good("slow"))))
    assert loaded.status == "slow"
    assert loaded.specs
    assert loaded.reason.startswith("took 0.1 s to import")


def test_a_hanging_plugin_is_interrupted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "HANG_SECONDS", 0.1)
    loaded = load_plugin(make("hangs", "import time\ntime.sleep(30)"))
    assert loaded.status == "failed"
    assert "still importing after 0.1 s" in loaded.reason


def test_two_claims_to_one_name(make: Make) -> None:
    found = Registry([load_plugin(make("one", good("one"))), load_plugin(make("two", good("two")))])
    assert len(list(found.components("assessor"))) == 2
    with pytest.raises(
        ComponentError, match="'metric' is claimed by 2 plugins: write percept-one:metric or percept-two:metric"
    ):
        found.find("assessor", "metric")
    assert found.find("assessor", "percept-two:metric").plugin.name == "two"
    assert list(found.conflicts()) == [("assessor", "metric")]


def test_unknown_names_are_answered(make: Make) -> None:
    found = Registry([load_plugin(make("fine", good("fine"))), load_plugin(make("gone", "raise OSError('x')"))])

    def answer(kind: str, name: str) -> str:
        with pytest.raises(ComponentError) as caught:
            found.find(kind, name)  # type: ignore[arg-type]
        return str(caught.value)

    assert answer("assessor", "metrik") == (
        "unknown assessor 'metrik', did you mean metric? (not loaded: percept-gone; percept plugins list says why)"
    )
    assert answer("assessor", "xyz") == (
        "unknown assessor 'xyz'; installed: metric (not loaded: percept-gone; percept plugins list says why)"
    )
    assert answer("assessor", "gmsd") == "unknown assessor 'gmsd': pip install percept-gmsd"
    assert answer("generator", "metric") == (
        "unknown generator 'metric': there is an assessor of that name, which cannot serve as a generator"
    )


def test_a_known_plugin_that_broke_or_is_blocked_is_named(make: Make) -> None:
    entry = make("percept_gmsd_broken", "raise OSError('x')", "percept-gmsd")
    with pytest.raises(ComponentError, match="unknown assessor 'gmsd': percept-gmsd failed to load: OSError: x"):
        Registry([load_plugin(entry)]).find("assessor", "gmsd")
    with pytest.raises(ComponentError, match="percept-gmsd is blocked by PERCEPT_DISABLE_PLUGINS"):
        Registry([load_plugin(entry, frozenset({"percept-gmsd"}))]).find("assessor", "gmsd")


def test_parameters_are_checked_before_anything_is_built(make: Make) -> None:
    found = Registry([load_plugin(make("fine", good("fine")))])
    assert found.problems("assessor", "metric", {"windov": 3}) == [
        ("windov", "unknown parameter, did you mean window?")
    ]
    assert found.problems("assessor", "metric", {"window": "3"}) == [("window", "expects int, not '3'")]
    assert found.problems("assessor", "metric", {"window": 3}) == []
    with pytest.raises(ComponentError, match="assessor 'metric': windov: unknown parameter, did you mean window"):
        found.build("assessor", "metric", windov=3)


def test_a_target_that_cannot_be_imported_is_one_line(make: Make) -> None:
    source = good("fine").replace('target="fine:Metric"', 'target="fine:Absent"')
    with pytest.raises(ComponentError, match="fine:Absent cannot be imported: AttributeError"):
        Registry([load_plugin(make("fine", source))]).build("assessor", "metric")


def test_signatures() -> None:
    def target(
        size: int, scale: float = 1.0, mode: str | None = None, sides: tuple[int, ...] = (), **rest: int
    ) -> None:
        """A function to be checked."""

    def no_rest(size: int, flag: bool = False) -> None:
        """Another."""

    assert parameter_problems(target, {"size": 1, "scale": 2, "mode": None, "sides": [1, 2], "other": 1}) == []
    assert parameter_problems(target, {"size": True}) == [("size", "expects int, not True")]
    assert parameter_problems(target, {"size": 1, "sides": ["a"]})[0][0] == "sides"
    assert parameter_problems(no_rest, {"flag": 1}) == [("flag", "expects bool, not 1"), ("size", "is required")]
    assert parameters_of(no_rest, {"flag": True}) == {"size": "int", "flag": "bool = True"}
