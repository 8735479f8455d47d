"""What makes two uses of a component the same: name, version, weights, parameters, and the files that these name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from percept.errors import InputError
from percept.registry import Component, registry
from percept.specs import GeneratorSpec


def identity_of(component: Component, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values that differ whenever the component may behave differently."""
    given = {**component.spec.arguments, **parameters}
    files = {name: file_hash(Path(value)) for name, value in given.items() if _is_file(value)}
    return {
        "use": component.spec.name,
        "version": f"{component.plugin.distribution}@{component.version}",
        "weights": [weights.sha256 for weights in component.spec.weights],
        "parameters": given,
        **({"files": files} if files else {}),
    }


def file_hash(path: Path) -> str:
    """sha256 of a file; raises InputError if it cannot be read."""
    try:
        with path.expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def learns_from(config: Mapping[str, Any]) -> str:
    """`train`, or `test` if the cell's generator is optimised on the very images that are assessed."""
    spec = registry().find("generator", config["generator"]["use"]).spec
    return "test" if isinstance(spec, GeneratorSpec) and spec.per_image else "train"


def _is_file(value: object) -> bool:
    return isinstance(value, str) and bool(value) and Path(value).expanduser().is_file()
