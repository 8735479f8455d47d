from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from percept.errors import ImageError
from percept.images import read_image
from percept.primitives import GRAY
from percept_gmsd.gmsd import GMSD
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"


def photo(name: str = "chelsea", height: int = 200, width: int = 201) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, rounded: bool = False) -> Tensor:
    metric = GMSD(rounded)
    return metric.score(images, metric.prepare(reference))


def in_numpy(x: Tensor, y: Tensor) -> float:
    """The textbook's formula, on float64 luminance, with scipy's convolutions."""
    prewitt = np.array([[1.0, 0.0, -1.0]] * 3) / 3
    magnitudes = []
    for image in (x, y):
        gray = 255 * np.tensordot(GRAY, image[0].numpy(), 1)
        means = convolve2d(gray, np.full((2, 2), 0.25))[1:, 1:][::2, ::2]
        across, down = (convolve2d(means, kernel, "same") for kernel in (prewitt, prewitt.T))
        magnitudes.append(np.hypot(across, down))
    a, b = magnitudes
    return float(np.std((2 * a * b + 170) / (a**2 + b**2 + 170), ddof=1))


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_gmsd; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the authors' scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounded_luminance_gives_the_authors_scores(image: str, dtype: torch.dtype) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "gmsd")
    distorted, reference = (read_image(ORACLE / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference, rounded=True).item() == pytest.approx(float(official[image]), abs=5e-8)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("height", [199, 200])
def test_photographs_agree_with_the_textbook(name: str, height: int) -> None:
    reference = photo(name, height)
    candidate = noisy(reference)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=5e-8)


def test_luminance_of_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut", 512, 512)
    assert score((image + 0.5) / 2, image).item() == pytest.approx(0.0909583, abs=1e-6)  # in_numpy


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-7)


def test_equal_images_score_zero_with_a_zero_gradient() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)):
        output = image.clone().requires_grad_()
        loss = GMSD()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == 0
        assert gradient.abs().max() == 0


def test_the_gradient_is_of_moderate_size_near_equality() -> None:
    target = photo().float()
    for step in (1e-6, 1e-4, 1e-2):
        output = noisy(target, step).requires_grad_()
        (gradient,) = torch.autograd.grad(GMSD()(output, target).sum(), output)
        assert gradient.isfinite().all()
        assert 0 < gradient.norm() < 10


def test_one_state_serves_many_candidates() -> None:
    metric, reference = GMSD(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-7)
    torch.testing.assert_close(metric(candidates, reference), alone, rtol=0, atol=1e-7)


def test_rounding_lets_the_gradient_through() -> None:
    reference = photo(height=40, width=40)
    candidate = noisy(reference).requires_grad_()
    (gradient,) = torch.autograd.grad(score(candidate, reference, rounded=True).sum(), candidate)
    assert gradient.abs().sum() > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 40), st.integers(6, 40), st.integers(0, 1000), st.booleans())
def test_range_and_symmetry(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y).item()
    assert 0 <= value <= 0.6
    assert value == pytest.approx(score(y, x).item(), abs=1e-7)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 6×6"):
        score(photo(height=5), photo(height=5))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=20), photo(height=21))
