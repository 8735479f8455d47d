from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from percept.errors import RecipeError
from percept.recipe import Recipe, load
from percept.schema import Component, Field, List, Section, chained

if TYPE_CHECKING:
    from pathlib import Path

TERM = Section({"weight": Field(float, default=1.0, minimum=0), "label": Field(str)})
OPTIMIZER = Section(
    {
        "use": Field(str, default="adam", choices=("adam", "adamw", "sgd")),
        "lr": Field(float, default=1e-4, minimum=0),
        "betas": Field(List(float, minimum=2), default=[0.9, 0.99]),
    },
    short="use",
)
DISCRIMINATOR = Component("discriminator", Section({"init": chained("discriminator")}), optional=True)
ADVERSARIAL = Section(
    {
        "discriminator": Field(DISCRIMINATOR),
        "objective": Field(str, default="vanilla", choices=("vanilla", "hinge")),
        "starts-at": Field(int, default=0, minimum=0),
    }
)
STAGES = {
    "optimize": Section(
        {
            "steps": Field(int, required=True, minimum=1, doc="updates of the generator"),
            "batch": Field(int, default=16, minimum=1, maximum=512),
            "fidelity": Field(List(Component("fidelity_loss", TERM, optional=True), minimum=1), default=["l1"]),
            "optimizer": Field(OPTIMIZER, default={}),
            "adversarial": Field(ADVERSARIAL),
            "augment": Field(bool, default=True),
        },
        doc="train the generator",
    ),
    "assess": Section({"with": Field(List(Component("assessor")), required=True)}, doc="score the outputs"),
}

Loader = Callable[..., Recipe]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load_text(folder: Path) -> Loader:
    """Loads a text as `recipe.yaml`."""

    def load_it(text: str, *overrides: str, **options: object) -> Recipe:
        (folder / "recipe.yaml").write_text(dedent(text).lstrip("\n"))
        return load("recipe.yaml", STAGES, overrides, **options)  # type: ignore[arg-type]  # passed on

    return load_it


@pytest.fixture
def problems(load_text: Loader) -> Callable[..., str]:
    """The mistakes of a text, one a line."""

    def problems_of(text: str, *overrides: str, **options: object) -> str:
        with pytest.raises(RecipeError) as caught:
            load_text(text, *overrides, **options)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return str(caught.value) + "\n"

    return problems_of


@pytest.fixture
def stages() -> dict[str, Section]:
    return STAGES
