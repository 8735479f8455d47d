"""Percept: measure both lives of an image metric, as an assessor and as an objective.

The whole Python face is here. Importing it is light: torch is loaded when a component is first built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from percept.contracts import Assessor, Dataset, Degradation, Discriminator, FidelityLoss, Generator
    from percept.execution import Outcome

__version__ = "0.1.0"
__all__ = ["assessor", "dataset", "degradation", "discriminator", "fidelity_loss", "generator", "run"]


def generator(name: str, **parameters: Any) -> Generator:
    """Build the generator `name`. Raises ComponentError if it is unknown, broken, or does not take a parameter."""
    built: Generator = _build("generator", name, parameters)
    return built


def discriminator(name: str, **parameters: Any) -> Discriminator:
    """Build the discriminator `name`; errors as in `generator`."""
    built: Discriminator = _build("discriminator", name, parameters)
    return built


def fidelity_loss(name: str, **parameters: Any) -> FidelityLoss:
    """Build the fidelity loss `name`; errors as in `generator`."""
    built: FidelityLoss = _build("fidelity_loss", name, parameters)
    return built


def assessor(name: str, **parameters: Any) -> Assessor:
    """Build the assessor `name`; errors as in `generator`."""
    built: Assessor = _build("assessor", name, parameters)
    return built


def dataset(name: str, **parameters: Any) -> Dataset:
    """Build the dataset `name`; raises DataError, too, if its files are absent."""
    built: Dataset = _build("dataset", name, parameters)
    return built


def degradation(name: str, **parameters: Any) -> Degradation:
    """Build the degradation `name`; errors as in `generator`."""
    built: Degradation = _build("degradation", name, parameters)
    return built


def run(recipe: str, store: str = "store", jobs: int = 1, overrides: tuple[str, ...] = ()) -> list[Outcome]:
    """Run a recipe (path, or the name of a shipped one) into `store`: what `percept recipe run` does.

    `overrides` are `a.b=value` strings. Returns one outcome per cell; raises RecipeError if the recipe has mistakes.
    """
    from percept.execution import run_recipe

    return run_recipe(recipe, store=store, jobs=jobs, overrides=overrides)


def _build(kind: Any, name: str, parameters: dict[str, Any]) -> Any:
    from percept.registry import registry

    return registry().build(kind, name, **parameters)
