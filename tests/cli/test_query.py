from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recipes import percept, write

NOISY = """\
percept: 1
name: noisy
data:
  test: {use: photos, split: test, crop: 64}
  degrade: {use: gaussian-noise, sigma: "${matrix.sigma}"}
generator: identity
assess: {with: ASSESSOR}
matrix: {sigma: [5, 10.0]}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("query")
    text = NOISY.replace("ASSESSOR", "psnr")
    assert percept("recipe", "run", write(folder, text), "--store", str(folder / "store")).returncode == 0
    return str(folder / "store")


def test_whole_numbers_of_factors_have_no_fraction(store: str) -> None:
    lines = percept("cube", "query", "--by", "sigma", "--store", store).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["sigma", "5", "10"]
    assert all("." in line.split()[2] for line in lines[1:])


def test_no_scores_is_said_and_fails(store: str, tmp_path: Path) -> None:
    text = NOISY.replace("noisy", "other").replace("5, 10.0", "20").replace("ASSESSOR", "gmsd")
    assert percept("recipe", "run", write(tmp_path, text), "--store", store).returncode == 0
    done = percept("cube", "query", "recipe=noisy", "--with", "gmsd", "--by", "sigma", "--store", store)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "percept: no scores fit; percept cube ls lists the runs\n"
    listed = percept("cube", "query", "recipe=noisy", "--with", "gmsd", "--store", store, "--json")
    assert (listed.returncode, json.loads(listed.stdout)) == (1, [])
