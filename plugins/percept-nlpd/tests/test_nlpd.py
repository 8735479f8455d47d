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
from percept_nlpd.nlpd import NEIGHBOURS, NLPD, SIGMAS
from percept_nlpd.pyramid import laplacian
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
    metric = NLPD(rounded)
    return metric.score(images, metric.prepare(reference))


def pyramid_in_numpy(image: np.ndarray) -> list[np.ndarray]:
    """Whole-image convolutions on zero-filled grids, as in MATLAB's port of Burt and Adelson's pyramid."""
    taps = np.array([0.05, 0.25, 0.4, 0.25, 0.05])
    window = np.outer(taps, taps)
    levels = []
    for _ in range(5):
        reduced = convolve2d(np.pad(image, 2, mode="symmetric"), window, "valid")[::2, ::2]
        grid = np.zeros([2 * size + 4 for size in reduced.shape])
        grid[::2, ::2] = 4 * np.pad(reduced, 1, mode="edge")
        height, width = image.shape
        levels.append(image - convolve2d(grid, window, "same")[2 : 2 + height, 2 : 2 + width])
        image = reduced
    return [*levels, image]


def in_numpy(candidate: Tensor, reference: Tensor) -> float:
    normalized: list[list[np.ndarray]] = [[], []]
    for image, maps in zip((candidate, reference), normalized, strict=True):
        levels = pyramid_in_numpy(np.tensordot(GRAY, image[0].numpy(), 1))
        for level, sigma, (up, left, right, down, second) in zip(levels, SIGMAS, NEIGHBOURS, strict=True):
            kernel = np.zeros((5, 5))
            kernel[1, 2], kernel[2, 1], kernel[2, 3], kernel[3, 2], kernel[2, 4] = up, left, right, down, second
            maps.append(level / (sigma + convolve2d(abs(level), kernel, "same")))
    return float(np.mean([np.sqrt(np.mean((a - b) ** 2)) for a, b in zip(*normalized, strict=True)]))


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_nlpd; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the authors' scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-7), (torch.float64, 1e-9)])
def test_rounded_luminance_gives_the_authors_scores(image: str, dtype: torch.dtype, tolerance: float) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "nlpd")
    distorted, reference = (read_image(ORACLE / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference, rounded=True).item() == pytest.approx(float(official[image]), abs=tolerance)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(200, 200), (199, 131), (17, 33), (18, 20)])
def test_photographs_agree_with_the_authors_definitions(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(17, 70), st.integers(17, 70))
def test_levels_are_those_of_the_pyramid(height: int, width: int) -> None:
    image = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(height), dtype=torch.float64)
    for level, expected in zip(laplacian(image, 6), pyramid_in_numpy(image[0, 0].numpy()), strict=True):
        np.testing.assert_allclose(level[0, 0].numpy(), expected, atol=1e-14)


def test_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut", 512, 512)
    assert score((image + 0.5) / 2, image).item() == pytest.approx(0.3337066, abs=1e-6)  # in_numpy


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=2e-6)


def test_equal_images_are_best_with_a_zero_gradient() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)):
        output = image.clone().requires_grad_()
        loss = NLPD()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-9)
        assert gradient.abs().max() == 0


def test_the_gradient_is_finite_near_equality() -> None:
    target = photo().float()
    for step in (1e-6, 1e-4, 1e-2):
        output = noisy(target, step).requires_grad_()
        (gradient,) = torch.autograd.grad(NLPD()(output, target).sum(), output)
        assert gradient.isfinite().all()


def test_one_state_serves_many_candidates() -> None:
    metric, reference = NLPD(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), alone, rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(17, 40), st.integers(17, 40), st.integers(0, 1000), st.booleans())
def test_range_and_symmetry(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y).item()
    assert 0 <= value <= 10
    assert value == pytest.approx(score(y, x).item(), abs=1e-6)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 17×17"):
        score(photo(height=16), photo(height=16))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=40), photo(height=41))
