from __future__ import annotations

import csv
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept.images import read_image
from percept_niqe.scenes import gaussian_window, gray_levels
from percept_piqe.piqe import PIQE, completed
from scipy.ndimage import correlate1d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"


def photo(name: str = "chelsea", height: int = 200, width: int = 231) -> Tensor:
    image = torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy())
    return image.permute(2, 0, 1)[None].float() / 255


def noisy(image: Tensor, sigma: float) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    return (image + noise.to(image) * sigma).clamp(0, 1)


def in_numpy(gray: np.ndarray) -> float:
    """MATLAB's documentation, block by block."""
    gray = np.pad(gray, [(0, -side % 16) for side in gray.shape], mode="edge")
    taps = gaussian_window().numpy()
    mean, square = (
        correlate1d(correlate1d(m, taps, 0, mode="nearest"), taps, 1, mode="nearest") for m in (gray, gray**2)
    )
    values = (gray - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)
    active, spoilt = 0, 0.0
    for row in range(0, gray.shape[0], 16):
        for column in range(0, gray.shape[1], 16):
            block = values[row : row + 16, column : column + 16]
            variance = np.var(block, ddof=1)
            if variance <= 0.1:
                continue
            active += 1
            edges = (block[0], block[-1], block[:, 0], block[:, -1])
            if any(np.std(edge[i : i + 6], ddof=1) < 0.1 for edge in edges for i in range(11)):
                spoilt += 1 - variance
            surround = np.delete(np.delete(block, 7, axis=1), 8, axis=1)
            share = np.std(block[:, 7:9], ddof=1) / np.std(surround, ddof=1)
            deviation = np.sqrt(variance)
            if deviation > 2 * abs(deviation - share) / max(deviation, share):
                spoilt += variance
    return float(100 * (spoilt + 1) / (active + 1))


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_piqe; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the official scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matlabs_scores(image: str, dtype: torch.dtype) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "piqe")
    found = PIQE().score(read_image(ORACLE / "dist_dir" / image)[None].to(dtype))
    assert found.item() == pytest.approx(float(official[image]), abs=5e-3)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("height", [192, 201])
@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_photographs_agree_with_the_documentation(name: str, height: int, sigma: float) -> None:
    image = noisy(photo(name, height), sigma).double()
    assert PIQE().score(image).item() == pytest.approx(in_numpy(gray_levels(image)[0].numpy()), abs=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_images_without_structure_score_100_without_a_warning(value: float) -> None:
    with warnings.catch_warnings(action="error"):
        assert PIQE().score(torch.full((1, 3, 20, 33), value)).item() == 100


def test_one_pixel_is_enough() -> None:
    assert PIQE().score(torch.zeros(1, 3, 1, 1)).item() == 100


def test_sides_are_completed_by_the_last_row_and_column() -> None:
    gray = torch.arange(17 * 31, dtype=torch.float64).view(17, 31)
    assert torch.equal(completed(gray), torch.nn.functional.pad(gray[None], (0, 1, 0, 15), mode="replicate")[0])


def test_an_image_in_a_batch_is_the_image_alone() -> None:
    images = torch.cat([photo("chelsea"), photo("coffee"), torch.zeros(1, 3, 200, 231)])
    assert torch.equal(PIQE().score(images), torch.cat([PIQE().score(image[None]) for image in images]))


def test_noise_is_worse() -> None:
    scores = [PIQE().score(noisy(photo("coffee"), sigma)).item() for sigma in (0.0, 0.05, 0.3)]
    assert scores == sorted(scores)
