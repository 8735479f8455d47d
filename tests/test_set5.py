"""Published networks, through the shipped recipe: Set5's PSNR is the published one."""

from __future__ import annotations

from pathlib import Path

import percept
import pytest
from percept_store import open_cube

PUBLISHED = {
    "imdn-x2": 38.00,
    "imdn-x4": 32.21,
    "rfdn-x4": 32.16,
    "rlfn-x4": 32.10,
    "srvgg-x4": 28.23,
    "srresnet-x4": 30.65,
}


def test_published_weights_have_their_psnr(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_this_process: None
) -> None:
    set5, weights = shared_data / "photos" / "set5", shared_data / "weights"
    if not (set5.is_dir() and weights.is_dir()):
        pytest.skip(f"no Set5 or no weights in {shared_data}")
    monkeypatch.setenv("PERCEPT_SET5", str(set5))
    monkeypatch.setenv("PERCEPT_WEIGHTS", str(weights))
    outcomes = percept.run("set5", store=str(tmp_path / "store"), jobs=0)
    assert [outcome.error for outcome in outcomes if outcome.status != "ok"] == []
    cube = open_cube(str(tmp_path / "store"))
    means = cube.score.mean(["image", "assessor"])
    found = dict(zip(cube.network.values.tolist(), means.values.tolist(), strict=True))
    assert found == {name: pytest.approx(decibels, abs=0.01) for name, decibels in PUBLISHED.items()}
