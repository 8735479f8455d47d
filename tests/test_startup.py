"""Nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

HEAVY = ("torch", "numpy", "xarray", "zarr", "pandas", "PIL", "skimage", "scipy", "matplotlib", "timm", "pyiqa")
PLUGINS = sorted(point.value for point in entry_points(group="percept"))


def heavy_after(code: str) -> list[str]:
    script = f"import sys\n{code}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("module", [*PLUGINS, "percept", "percept.specs", "percept.contracts", "percept_store"])
def test_module_is_light(module: str) -> None:
    assert heavy_after(f"import {module}") == []


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["plugins", "list"], ["plugins", "list", "--json"], ["recipe", "--help"], ["recipe", "list"]],
)
def test_command_is_light(arguments: list[str]) -> None:
    code = (
        "from percept.cli import main\n"
        f"sys.argv = ['percept', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code"
    )
    assert heavy_after(code) == []


def test_the_check_can_fail() -> None:
    assert "numpy" in heavy_after("import numpy")
