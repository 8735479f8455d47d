from __future__ import annotations

import csv
import os
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
from percept_fsim.resize import imresize_bilinear, weights_of
from percept_fsim.saliency import saliency
from percept_fsim.vsi import VSI
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


def score(images: Tensor, reference: Tensor) -> Tensor:
    metric = VSI()
    return metric.score(images, metric.prepare(reference))


def conv2_same(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """MATLAB's conv2(…, 'same'); scipy's takes the other middle of an even kernel."""
    start = [side // 2 for side in kernel.shape]
    full = convolve2d(plane, kernel)
    return full[start[0] : start[0] + plane.shape[0], start[1] : start[1] + plane.shape[1]]


def shrunk(plane: np.ndarray) -> np.ndarray:
    factor = max(1, int(np.floor(min(plane.shape) / 256 + 0.5)))
    return conv2_same(plane, np.full((factor, factor), 1 / factor**2))[::factor, ::factor]


def resized(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """MATLAB's imresize, pixel by pixel: 1-based positions, mirrored."""
    for _ in range(2):
        length, count = plane.shape[0], size[0]
        scale, rows = count / length, []
        for i in range(1, count + 1):
            shrink = min(scale, 1)
            centre = i / scale + 0.5 * (1 - 1 / scale)
            taps = np.floor(centre - 1 / shrink) + np.arange(np.ceil(2 / shrink) + 2)
            weights = np.maximum(1 - np.abs(shrink * (centre - taps)), 0)
            mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
            rows.append(weights / weights.sum() @ plane[mirror[(taps.astype(int) - 1) % (2 * length)]])
        plane, size = np.array(rows).T, size[::-1]
    return plane


def stretched(plane: np.ndarray) -> np.ndarray:
    return (plane - plane.min()) / (plane.max() - plane.min())


def saliency_in_numpy(image: np.ndarray) -> np.ndarray:
    """(3, H, W), 0–255."""
    rgb = np.array([resized(plane, (256, 256)) for plane in image]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.04) + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.tensordot(to_xyz, linear, 1) / np.array([0.9642, 1, 0.8251])[:, None, None]
    fx, fy, fz = np.where(xyz > 0.008856, xyz ** (1 / 3), (903.3 * xyz + 16) / 116)
    channels = [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)]
    grid = (np.arange(1, 257) - 129) / 256
    across, down = np.meshgrid(grid, grid)
    mask = across**2 + down**2 <= 0.25
    radius = np.fft.ifftshift(np.hypot(across * mask, down * mask))
    radius[0, 0] = 1
    with np.errstate(divide="ignore"):
        bands = np.exp(-(np.log(radius / 0.021) ** 2) / (2 * 1.34**2))
    bands[0, 0] = 0
    frequency = np.sqrt(sum(np.fft.ifft2(np.fft.fft2(channel) * bands).real ** 2 for channel in channels))
    away = (np.arange(1, 257) - 128) ** 2
    centre = np.exp(-(away[:, None] + away) / 145**2)
    warm = stretched(channels[1]) ** 2 + stretched(channels[2]) ** 2
    found = frequency * centre * (1 - np.exp(-warm / 0.001**2))
    return stretched(resized(found, image.shape[1:]))


def in_numpy(x: Tensor, y: Tensor) -> float:
    """The textbook's way, on float64."""
    to_lmn = np.array([[0.06, 0.63, 0.27], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17]])
    scharr = np.array([[3.0, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    features = []
    for image in (x, y):
        levels = 255 * image[0].numpy()
        bright, *chroma = (shrunk(plane) for plane in np.tensordot(to_lmn, levels, 1))
        magnitude = np.hypot(conv2_same(bright, scharr), conv2_same(bright, scharr.T))
        features.append((shrunk(saliency_in_numpy(levels)), magnitude, *chroma))
    alike = [(2 * a * b + c) / (a**2 + b**2 + c) for a, b, c in zip(*features, (1.27, 386, 130, 130), strict=True)]
    weights = np.maximum(features[0][0], features[1][0])
    colour = np.real(np.asarray(alike[2] * alike[3], dtype=complex) ** 0.02)
    return float((alike[0] * alike[1] ** 0.4 * colour * weights).sum() / weights.sum())


@pytest.mark.skipif(not ORACLE.is_dir(), reason="published scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
def test_published_scores_of_a_port_are_near(image: str) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        published = next(row for row in csv.DictReader(file) if row["Method"] == "vsi")
    distorted, reference = (read_image(ORACLE / folder / image)[None] for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference).item() == pytest.approx(float(published[image]), abs=0.013)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(60, 85), (151, 300), (259, 131)])
def test_photographs_agree_with_the_textbook(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-6)


def test_a_photograph_that_is_shrunk_agrees_with_the_textbook() -> None:
    reference = photo("coffee", 386, 501)
    candidate = noisy(reference, 0.05)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-6)


def test_saliency_agrees_with_the_textbook() -> None:
    image = photo("astronaut", 100, 300)
    expected = torch.from_numpy(saliency_in_numpy(255 * image[0].numpy()))
    torch.testing.assert_close(saliency(image)[0, 0], expected, rtol=0, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_any_size_becomes_any_size_as_in_matlab(length: int, size: int) -> None:
    plane = torch.rand(length, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.from_numpy(resized(plane.numpy(), (size, 1)))
    torch.testing.assert_close(weights_of(length, size) @ plane, expected)
    torch.testing.assert_close(imresize_bilinear(plane[None, None], (size, 1))[0, 0], expected)


def test_the_gradient_of_resizing_is_exact() -> None:
    images = torch.rand(1, 1, 41, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize_bilinear(x, (35, 8)), images)


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-5)


def test_equal_and_flat_images_score_one() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16), torch.full((1, 3, 9, 9), 0.3)):
        output = image.clone().requires_grad_()
        loss = VSI()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert gradient.abs().max() < 1e-5


def test_one_state_serves_many_candidates() -> None:
    metric, reference = VSI(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 1000), st.booleans())
def test_range_and_symmetry(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y).item()
    assert 0 <= value <= 1
    assert value == pytest.approx(score(y, x).item(), abs=1e-6)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="VSI needs at least 8×8"):
        score(photo(height=7), photo(height=7))
    with pytest.raises(ImageError, match="VSI: shapes differ"):
        score(photo(height=20), photo(height=21))
