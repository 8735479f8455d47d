from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept_niqe.features import FEATURES
from percept_niqe.fit import fit, main, sharp_features
from percept_niqe.model import load_model, provenance_of
from percept_niqe.niqe import NIQE
from PIL import Image
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
KODAK = DATA / "photos" / "kodak24"


def photo(name: str) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)().copy()).permute(2, 0, 1).float() / 255


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name in ("astronaut", "coffee", "chelsea"):
        Image.fromarray(getattr(PHOTOS, name)()).save(tmp_path / "photos" / f"{name}.png")
    return tmp_path / "photos"


@pytest.mark.skipif(not KODAK.is_dir(), reason="Kodak24 is not in the shared test data")
def test_the_shipped_model_is_what_the_script_makes_of_kodak24(tmp_path: Path) -> None:
    assert main([str(KODAK), "--out", str(tmp_path / "again.npz")]) == 0
    for again, shipped in zip(load_model(str(tmp_path / "again.npz")), load_model(), strict=True):
        assert torch.allclose(again, shipped, rtol=1e-6, atol=1e-9)


def test_the_shipped_model_names_its_photographs() -> None:
    said = provenance_of()
    assert said["photographs"] == [f"{i:02d}" for i in range(1, 25)]
    assert "Kodak" in said["about"]
    assert said["blocks"] == 150


def test_the_shipped_covariance_is_positive_definite() -> None:
    mean, covariance = load_model()
    assert mean.shape == (FEATURES,)
    assert torch.linalg.eigvalsh(covariance).min() > 0


def test_a_fitted_model_finds_its_own_photographs_better_than_noisy_ones(folder: Path, tmp_path: Path) -> None:
    assert main([str(folder), "--out", str(tmp_path / "own.npz"), "--about", "three photographs"]) == 0
    assert provenance_of(str(tmp_path / "own.npz"))["photographs"] == ["astronaut", "chelsea", "coffee"]
    niqe = NIQE(model=str(tmp_path / "own.npz"))
    image = photo("coffee")[None]
    spoilt = (image + 0.1 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    assert niqe.score(image, None) < niqe.score(spoilt, None)


def test_only_sharp_blocks_are_used() -> None:
    image = photo("astronaut")
    every, sharp = (sharp_features(image, threshold) for threshold in (0.0, 0.75))
    assert len(every) == (512 // 96) ** 2
    assert 0 < len(sharp) < len(every)
    assert fit([image, image])[1] == 2 * len(sharp)


def test_the_authors_mat_file_is_read_where_scipy_is_installed(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    shipped = load_model()
    arrays = {"mu_prisparam": shipped.mean[None].numpy(), "cov_prisparam": shipped.covariance.numpy()}
    scipy_io.savemat(tmp_path / "modelparameters.mat", arrays)
    for read, written in zip(load_model(str(tmp_path / "modelparameters.mat")), shipped, strict=True):
        assert torch.equal(read, written)


def test_models_are_plain_arrays_without_pickles(folder: Path, tmp_path: Path) -> None:
    assert main([str(folder), "--out", str(tmp_path / "own.npz")]) == 0
    with np.load(tmp_path / "own.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"mu_pris_param", "cov_pris_param", "provenance"}
        assert json.loads(str(arrays["provenance"]))["sharpness_threshold"] == 0.75


def test_the_model_is_written_where_it_was_asked_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--out", str(tmp_path / "own.model")]) == 0
    assert load_model(str(tmp_path / "own.model")).mean.isfinite().all()
    assert main([str(folder), "--out", str(tmp_path / "absent" / "own.npz")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["nothing", "too small"])
def test_folders_that_give_no_model_are_refused_in_one_line(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if what == "too small":
        Image.fromarray(PHOTOS.coffee()[:95, :300]).save(tmp_path / "small.png")
    with warnings.catch_warnings(action="error"):
        assert main([str(tmp_path), "--out", str(tmp_path / "model.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "model.npz").exists()
