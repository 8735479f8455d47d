"""Recipes by path, or by name among those that installed packages ship."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from percept.errors import InputError
from percept.schema.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "percept.recipes"
INSTALLED = "percept_recipes"


def find(text: str, folder: Path | None = None) -> Path:
    """The file of a recipe: a path, relative to `folder` (default: the current one), else the name of a shipped recipe.

    Raises InputError with the nearest names if there is neither.
    """
    path = (folder or Path()) / os.path.expanduser(text)  # noqa: PTH111  # Path's raises for unknown users
    if _is_file(path):
        return path
    names = shipped()
    if text in names:
        return names[text]
    raise InputError(_nothing(text, path, list(names)))


def shipped() -> dict[str, Path]:
    """Name → file of every recipe that percept and the installed packages ship.

    A package offers the YAML files in it by an entry point in the group `percept.recipes` whose value is the package; a
    name is the file's path without suffix (`asymmetry/small`), files that begin with _ are parts of others, and a name
    that is taken already becomes `entry-point:name`. A package that cannot be found is passed over.
    """
    found: dict[str, Path] = {}
    for folder in _own():
        found.update(_recipes(folder))
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        for folder in _package(entry.value):
            for name, path in _recipes(folder):
                found.setdefault(f"{entry.name}:{name}" if name in found else name, path)
    return found


def summary_of(path: Path) -> str:
    """What the recipe says of itself, or nothing: read line by line, since a listing resolves no recipe."""
    lines = path.read_text("utf-8").splitlines()
    return next((line.partition(":")[2].strip().strip("\"'") for line in lines if line.startswith("summary:")), "")


def display(path: Path) -> str:
    """How messages name a file: relative to the current folder where it lies in it."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links, which are the user's names
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _own() -> list[Path]:
    checkout = Path(__file__).parents[3] / "recipes"
    if checkout.is_dir() and (checkout.parent / "core" / "percept").is_dir():
        return [checkout]
    return _package(INSTALLED)


def _package(name: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # finding a package imports those above it, and importing can raise anything
        return []
    return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]


def _recipes(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.yaml")):
        if not path.name.startswith("_"):
            yield path.relative_to(folder).with_suffix("").as_posix(), path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False


def _nothing(text: str, path: Path, names: list[str]) -> str:
    is_path = path.suffix in (".yaml", ".yml") or len(Path(text).parts) > 1
    beside = _beside(path) if is_path else []
    near = nearest(path.name if is_path else text, beside) or nearest(text, names)
    found = f", did you mean {near}?" if near else f"; percept ships {', '.join(sorted(names)) or 'none'}"
    return ("no such file" if is_path else "no recipe of this name") + found


def _beside(path: Path) -> list[str]:
    try:
        return [p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml")]
    except (OSError, ValueError):
        return []
