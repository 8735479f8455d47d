"""Every installed component against the suite of its kind: one case for each component and check."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from percept.registry import Component, registry
from percept.testing import Check, checks_for, images

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    import percept.testing

# Components that cannot be built without parameters → how to make some in a folder of one's own.
EXAMPLES: dict[tuple[str, str], Callable[[Path], dict[str, Any]]] = {}


def example(kind: str, name: str) -> Callable[[Callable[[Path], dict[str, Any]]], Callable[[Path], dict[str, Any]]]:
    def remember(make: Callable[[Path], dict[str, Any]]) -> Callable[[Path], dict[str, Any]]:
        EXAMPLES[kind, name] = make
        return make

    return remember


@example("dataset", "folder")
def folder(root: Path) -> dict[str, Any]:
    from percept.images import to_uint8
    from PIL import Image

    for number, image in enumerate(images.natural(4, 33, 40)):
        (root / "deeper").mkdir(exist_ok=True)
        Image.fromarray(to_uint8(image)).save(root / ("deeper" if number % 2 else ".") / f"{number}.png")
    return {"path": str(root)}


@example("dataset", "rated")
def rated(root: Path) -> dict[str, Any]:
    folder(root)
    lines = ["image,reference,mos", *(f"{place}.png,2.png,{mos}" for mos, place in enumerate(("deeper/1", "deeper/3")))]
    (root / "opinions.csv").write_text("\n".join(lines) + "\n")
    return {"path": str(root / "opinions.csv")}


@example("dataset", "groups")
def groups(root: Path) -> dict[str, Any]:
    for name in ("original", "01", "02"):
        (root / name).mkdir()
        folder(root / name)
    lines = [
        f"{image},{target},{'positive' if target == '02' else 'negative'}"
        for image, target in product(("0", "2", "deeper/1", "deeper/3"), ("01", "02"))
    ]
    (root / "labels.csv").write_text("\n".join(["image,target,label", *lines]) + "\n")
    return {"path": str(root), "labels": str(root / "labels.csv")}


EXAMPLES["generator", "folder"] = folder


def trained(name: str, parameter: str = "model") -> Callable[[Path], dict[str, Any]]:
    """A parameter from the test data; none if they are absent, and then the component says what it needs."""
    path = Path(os.environ.get("PERCEPT_TEST_DATA") or ROOT.parent / "shared" / "data") / "weights" / name
    return lambda _: {parameter: str(path)} if path.is_file() else {}


EXAMPLES["assessor", "brisque"] = trained("brisque_svm.txt")
EXAMPLES["assessor", "il-niqe"] = trained("ilniqe_templateModel.mat")
EXAMPLES["assessor", "cnniqa"] = EXAMPLES["fidelity_loss", "cnniqa"] = trained("cnniqa-live.pth", "weights")

# Components that take most of a second for an image → how many cases are drawn for each of their checks, unless asked.
FEWER = {("assessor", "il-niqe"): "1"}


def cases() -> list[Any]:
    found = []
    for component in registry().components():
        known = component.spec.known_failures
        for check in checks_for(component):
            marks = [pytest.mark.xfail(strict=True, reason=known[check.name])] if check.name in known else []
            name = f"{component.spec.kind}-{component.qualified}-{check.name}"
            found.append(pytest.param(component, check.name, id=name, marks=marks))
    return found


@pytest.fixture(scope="session")
def check_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Component, str], Check]:
    """A component's suite is made once, so that its checks share what they build."""
    suites: dict[tuple[str, str], dict[str, Check]] = {}

    def find(component: Component, name: str) -> Check:
        key = component.spec.kind, component.qualified
        if key not in suites:
            make = EXAMPLES.get((component.spec.kind, component.spec.name))
            parameters = make(tmp_path_factory.mktemp(component.spec.name)) if make else {}
            suites[key] = {check.name: check for check in checks_for(component, **parameters)}
        return suites[key][name]

    return find


@pytest.mark.parametrize(("component", "name"), cases())
def test_component(
    component: Component, name: str, check_of: Callable[[Component, str], Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = FEWER.get((component.spec.kind, component.spec.name))
    if few is not None and not os.environ.get("PERCEPT_TEST_EXAMPLES"):
        monkeypatch.setenv("PERCEPT_TEST_EXAMPLES", few)
    check_of(component, name).run()


@pytest.mark.parametrize("plugin", [pytest.param(p, id=f"{p.distribution}-{p.name}") for p in registry().plugins])
def test_plugin_loads(plugin: percept.registry.Plugin) -> None:
    if plugin.status == "blocked":
        pytest.skip(plugin.reason)
    assert plugin.status in ("ok", "slow"), plugin.reason


def test_no_name_is_claimed_twice() -> None:
    assert registry().conflicts() == {}
