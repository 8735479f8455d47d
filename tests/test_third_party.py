"""A plugin by somebody else, made with `plugins new`, built as a wheel and installed from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.recipes import SMALL, write

CODE = "from percept.cli import main; main()"


def wheel(source: Path, out: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("third")


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    """Where the wheel of a freshly started plugin is installed."""
    subprocess.run([sys.executable, "-c", CODE, "plugins", "new", "my-metric", "--into", str(folder)], check=True)
    made = wheel(folder / "percept-my-metric", folder / "dist")
    site = folder / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(made),
    ]
    subprocess.run(install, check=True)
    return {**os.environ, "PYTHONPATH": str(site)}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_it_is_listed_and_described(environment: dict[str, str]) -> None:
    listed = {p["distribution"]: p for p in json.loads(run(environment, "plugins", "list", "--json").stdout)}
    assert listed["percept-my-metric"]["status"] == "ok"
    assert "formula: mean |x − y|" in run(environment, "plugins", "info", "my-metric").stdout


def test_it_conforms(environment: dict[str, str]) -> None:
    done = run(environment, "plugins", "check", "my-metric")
    assert done.returncode == 0, done.stdout


def test_its_own_tests_pass(environment: dict[str, str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(folder / "percept-my-metric")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_an_existing_recipe_uses_it_in_both_lives(environment: dict[str, str], tmp_path: Path) -> None:
    text = SMALL.replace("[gmsd, ssim]", "[my-metric]").replace("[psnr, gmsd]", "[psnr, my-metric]")
    recipe, store = write(tmp_path, text.replace("steps: 24", "steps: 10")), str(tmp_path / "store")
    done = run(environment, "recipe", "run", recipe, "--store", store, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    rows = json.loads(run(environment, "cube", "query", "--store", store, "--by", "discriminator", "--json").stdout)
    assert {row["assessor"] for row in rows} == {"psnr", "my-metric"}


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    done = run(dict(os.environ), "plugins", "new", "My_Metric", "--into", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "use lower case" in done.stderr


def test_the_wheel_of_core_ships_the_recipes(tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel(ROOT, tmp_path)) as file:
        names = set(file.namelist())
    assert "percept_recipes/quickstart.yaml" in names
    assert "percept/scaffold/template/metric.py.tmpl" in names
    assert not any(name.startswith("tests/") for name in names)
