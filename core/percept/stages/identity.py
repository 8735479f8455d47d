"""What makes two uses of a component the same: name, version, weights, parameters, and the files that these name."""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from percept.errors import ComponentError, InputError
from percept.registry import Component, registry
from percept.specs import GeneratorSpec


def identity_of(component: Component, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values that differ whenever the component may behave differently.

    Where a parameter names a file, that file's hash stands in place of its path. Raises InputError if it is unreadable.
    """
    given = {**component.spec.arguments, **parameters}
    return {
        "use": component.spec.name,
        "version": _version(component),
        "weights": [weights.sha256 for weights in component.spec.weights],
        "parameters": {name: _by_content(component, name, value) for name, value in given.items()},
    }


def data_identity(config: Mapping[str, Any], fingerprint: str) -> list[str]:
    """Which data they are, wherever they lie and whatever the recipe calls them: name, version, fingerprint."""
    component = registry().find("dataset", config["use"])
    return [component.spec.name, _version(component), fingerprint]


def file_hash(path: Path) -> str:
    """sha256 of a file, read once as long as it does not change; raises InputError if it cannot be read."""
    try:
        file = expanded(str(path))
        stat = file.stat()
        return _digest(file, (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def learns_from(config: Mapping[str, Any]) -> str:
    """`train`, or `test` if the cell's generator is optimised on the very images that are assessed."""
    spec = registry().find("generator", config["generator"]["use"]).spec
    return "test" if isinstance(spec, GeneratorSpec) and spec.per_image else "train"


def _version(component: Component) -> str:
    return f"{component.plugin.distribution}@{component.version}"


@functools.lru_cache(maxsize=1024)
def _digest(path: Path, _state: tuple[int, ...]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _by_content(component: Component, name: str, value: Any) -> Any:
    # A bare word may be a file's whole name, as in `model: allmodel`, but not where words are values.
    if not is_file(value) or not (_looks_like_path(value) or not _takes_words(component, name)):
        return value
    return {"sha256": file_hash(Path(value))}


def is_file(value: object) -> bool:
    """Whether a parameter's value is the path of a file that is there."""
    try:
        return isinstance(value, str) and expanded(value).is_file()
    except (OSError, ValueError):  # too long a text for a file's name, or one with a null character
        return False


def _looks_like_path(text: str) -> bool:
    return "/" in text or os.sep in text or text.startswith("~") or bool(Path(text).suffix)


def _takes_words(component: Component, name: str) -> bool:
    """Whether the parameter is declared with a word for its default: `backbone: str = "resnet18"`."""
    try:
        declared = inspect.signature(component.target()).parameters.get(name)
    except ComponentError:
        return False
    default = component.spec.arguments.get(name, declared.default if declared else None)
    return isinstance(default, str) and bool(default)


def expanded(text: str) -> Path:
    """The path, `~` being the home folder; a user that is not known is taken for a name."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  # Path's raises for unknown users
