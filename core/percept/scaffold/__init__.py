"""A new metric plugin, ready to install: six files, of which one is interesting."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from percept import __version__
from percept.errors import InputError

_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "init.py": "src/$package/__init__.py",
    "metric.py": "src/$package/metric.py",
    "test_metric.py": "tests/test_$module.py",
}


def new_plugin(name: str, parent: Path) -> list[Path]:
    """Write a working plugin `percept-NAME` into `parent`: a metric with both lives, to be made your own.

    Raises InputError if the name is no component name, or the folder is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InputError(f"plugins new: '{name}': use lower case, digits and single hyphens, as in my-metric")
    root = parent / f"percept-{name}"
    if root.exists():
        raise InputError(f"{root}: is there already; remove it or choose another name")
    words = _words(name)
    written = []
    for source, target in _FILES.items():
        path = root / Template(target).substitute(words)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (files("percept.scaffold") / "template" / f"{source}.tmpl").read_text("utf-8")
        path.write_text(Template(text).substitute(words), "utf-8")
        written.append(path)
    typed = root / "src" / words["package"] / "py.typed"
    typed.touch()
    return [*written, typed]


def _words(name: str) -> dict[str, str]:
    module = name.replace("-", "_")
    return {
        "name": name,
        "module": module,
        "package": f"percept_{module}",
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "core": __version__.rpartition(".")[0],
    }
