"""What the author of a plugin sees: the five lines of the package's docstring, on a plugin of one module."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import percept.testing
import pytest

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
import torch
from percept.contracts import DataError, check_pair
from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec, DatasetSpec

@hookimpl
def percept_assessors():
    return [AssessorSpec(name="my-metric", summary="", target="my_metric:MyMetric", direction="lower", range=(0, 1),
                         known_failures={"batch-independence": "normalises over the batch",
                                         "any-batch": "normalises over the batch"})]

@hookimpl
def percept_datasets():
    return [DatasetSpec(name="my-metric", summary="", target="my_metric:Absent", splits=())]

class MyMetric:
    def prepare(self, reference):
        return reference

    def score(self, images, state):
        check_pair(images, state, "my-metric")
        error = (images - state).abs().mean((1, 2, 3))
        return 0.9 * error + 0.1 * error.mean()

class Absent:
    def __init__(self):
        raise DataError("put it there")
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "my_metric.py").write_text(PLUGIN)
    metadata = tmp_path / "my_metric-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-metric\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[percept]\nmy-metric = my_metric\n")
    return tmp_path


def test_the_example_of_the_docstring(plugin: Path) -> None:
    example = re.search(r"(?ms)^    import percept\.testing$.*?check\.run\(\)$", percept.testing.__doc__ or "")
    assert example
    (plugin / "test_it.py").write_text(textwrap.dedent(example[0]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "pytest", "-q", "-rsx", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=plugin, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "XFAIL test_it.py::test_conformance[assessor-my-metric-batch-independence] - normalises" in done.stdout
    assert re.search(r"SKIPPED \[\d+\] .*put it there", done.stdout)
    assert re.search(r"\d+ passed, 5 skipped, 2 xfailed", done.stdout), done.stdout
