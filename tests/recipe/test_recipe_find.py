from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from percept.errors import InputError, RecipeError
from percept.recipe import find, load, shipped

SMALLEST = "percept: 1\ngenerator: edsr\n"
MODULE = sys.modules[find.__module__]


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What percept itself ships: `quickstart`, `asymmetry/small`, and a part that is no recipe of its own."""
    place = folder / "shipped"
    (place / "asymmetry").mkdir(parents=True)
    for name in ("quickstart", "asymmetry/small", "_base"):
        (place / f"{name}.yaml").write_text(SMALLEST)
    monkeypatch.setattr(MODULE, "_own", lambda: [place])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    return place


def test_by_path(folder: Path) -> None:
    (folder / "a.yaml").write_text(SMALLEST)
    assert find("a.yaml") == Path("a.yaml")
    assert load(str(folder / "a.yaml"), stages={}).path == folder / "a.yaml"


def test_by_name(own: Path) -> None:
    assert shipped() == {"asymmetry/small": own / "asymmetry" / "small.yaml", "quickstart": own / "quickstart.yaml"}
    assert find("quickstart") == own / "quickstart.yaml"
    assert load("asymmetry/small", stages={}).name == "small"


def test_a_path_wins_over_a_name(own: Path, folder: Path) -> None:
    (folder / "quickstart").write_text(SMALLEST)
    assert find("quickstart") == Path("quickstart")


def test_packages_ship_recipes(own: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "lab_recipes").mkdir()
    for name in ("quickstart", "ours"):
        (folder / "lab_recipes" / f"{name}.yaml").write_text(SMALLEST)
    monkeypatch.syspath_prepend(str(folder))
    entries = [
        importlib.metadata.EntryPoint("lab", "lab_recipes", "percept.recipes"),
        importlib.metadata.EntryPoint("gone", "no_such_package.inside", "percept.recipes"),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)
    assert find("ours") == folder / "lab_recipes" / "ours.yaml"
    assert find("quickstart") == own / "quickstart.yaml"
    assert find("lab:quickstart") == folder / "lab_recipes" / "quickstart.yaml"


def test_core_ships_the_recipes_beside_it() -> None:
    checkout = Path(__file__).parents[2] / "recipes"
    assert set(shipped().values()) >= {p for p in checkout.rglob("*.yaml") if not p.name.startswith("_")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quikstart", "no recipe of this name, did you mean quickstart?"),
        ("zzz", "no recipe of this name; percept ships asymmetry/small, quickstart"),
        ("mine/recipe.yaml", "no such file; percept ships asymmetry/small, quickstart"),
        ("shipped/quickstrt.yaml", "no such file, did you mean quickstart.yaml?"),
        ("asymetry/small", "no such file, did you mean asymmetry/small?"),
        ("", "no recipe of this name; percept ships asymmetry/small, quickstart"),
        ("a\0b", "no recipe of this name; percept ships asymmetry/small, quickstart"),
        ("~nobody-of-this-name/a.yaml", "no such file; percept ships asymmetry/small, quickstart"),
        ("x" * 5000, "no recipe of this name; percept ships asymmetry/small, quickstart"),
    ],
)
def test_what_is_not_there(own: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        find(text)
    assert str(caught.value) == message


def test_loading_what_is_not_there_is_a_recipe_error(own: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load("quikstart", stages={})
    assert caught.value.problems == ("quikstart: no recipe of this name, did you mean quickstart?",)


def test_a_file_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.yaml").write_text(SMALLEST)

    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(RecipeError) as caught:
        load("a.yaml", stages={})
    assert str(caught.value) == "a.yaml: cannot be read: Permission denied"
