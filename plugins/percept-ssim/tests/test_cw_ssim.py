from __future__ import annotations

import csv
import os
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from percept.errors import ComponentError, ImageError
from percept.images import read_image
from percept.primitives import GRAY
from percept.registry import registry
from percept_ssim.cw_ssim import CWSSIM
from percept_ssim.steerable import bands
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"


def photo(name: str = "chelsea", height: int = 130, width: int = 150) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, **parameters: Any) -> Tensor:
    metric = CWSSIM(**parameters)
    return metric.score(images, metric.prepare(reference))


def bands_in_numpy(image: np.ndarray, level: int, count: int) -> list[np.ndarray]:
    """The pyramid from its finest level down, by whole transforms, each low band cut out of the one before."""
    height, width = image.shape
    middle = height // 2, width // 2
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = (x - middle[1]) / (width / 2), (y - middle[0]) / (height / 2)
    angle, radius = np.arctan2(y, x), np.sqrt(x**2 + y**2)
    radius[middle] = radius[middle[0], middle[1] - 1]
    octaves = np.log2(radius)
    samples = np.pi * np.arange(-257, 2) / 512
    rise = np.cos(samples) ** 2
    rise[0], rise[-1] = rise[1], rise[-2]
    positions = -0.5 + 2 / np.pi * (samples + np.pi / 4)
    spectrum = np.fft.fftshift(np.fft.fft2(image)) * np.interp(octaves, positions, np.sqrt(1 - rise))
    for step in range(1, level):
        start = [side // 2 - -(-side // 2) // 2 for side in spectrum.shape]
        cut = tuple(slice(s, s + -(-side // 2)) for s, side in zip(start, spectrum.shape, strict=True))
        octaves, angle = octaves[cut], angle[cut]
        spectrum = spectrum[cut] * np.interp(octaves, positions - step, np.sqrt(1 - rise))
    spectrum = spectrum * np.interp(octaves, positions - level, np.sqrt(rise))
    order = count - 1
    constant = 4**order * factorial(order) ** 2 / (count * factorial(2 * order))
    found = []
    for which in range(count):
        turn = np.angle(np.exp(1j * (angle - np.pi * which / count)))
        lobe = 2 * np.sqrt(constant) * np.cos(turn) ** order * (np.abs(turn) < np.pi / 2)
        found.append(np.fft.ifft2(np.fft.ifftshift(spectrum * lobe)))
    return found


def in_numpy(x: Tensor, y: Tensor, level: int = 4, count: int = 8, k: float = 0) -> float:
    """The authors' formula, with the angular lobe itself where their code interpolates between its samples."""
    images = [255 * np.tensordot(GRAY, image[0].numpy(), 1) for image in (x, y)]
    values = []
    for a, b in zip(*(bands_in_numpy(image, level, count) for image in images), strict=True):
        rows, columns = (side - 6 for side in a.shape)
        offset = [np.arange(side) - (side - 1) / 2 for side in (rows, columns)]
        weights = np.exp(-(offset[0][:, None] ** 2 + offset[1] ** 2) / (2 * (a.shape[0] / 4) ** 2))
        cross, power = (convolve2d(m, np.ones((7, 7)) / 49, "valid") for m in (a * b.conj(), abs(a) ** 2 + abs(b) ** 2))
        values.append(np.sum((2 * np.abs(cross) + k) / (power + k) * weights) / weights.sum())
    return float(np.mean(values))


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the authors' scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_assessor_gives_the_authors_scores(image: str, dtype: torch.dtype) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "cw_ssim")
    distorted, reference = (read_image(ORACLE / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    metric = registry().build("assessor", "cw-ssim")
    found = metric.score(distorted, metric.prepare(reference))
    assert found.item() == pytest.approx(float(official[image]), abs=6e-5)


@pytest.mark.parametrize(("height", "width"), [(128, 160), (129, 151), (130, 93)])
def test_bands_are_those_of_the_whole_pyramid(height: int, width: int) -> None:
    image = photo(height=height, width=width)[:, 0]
    expected = torch.from_numpy(np.stack(bands_in_numpy(image[0].numpy(), 3, 6)))[None]
    found = bands(image, 3, 6)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(64, 80), (131, 117), (130, 151)])
def test_photographs_agree_with_the_textbook(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-6)


@pytest.mark.parametrize("parameters", [(2, 16, 0.0), (3, 4, 0.0), (4, 8, 1e4), (1, 1, 0.0)])
def test_parameters_agree_with_the_textbook(parameters: tuple[int, int, float]) -> None:
    reference = photo()
    candidate = noisy(reference)
    level, orientations, k = parameters
    found = score(candidate, reference, level=level, orientations=orientations, k=k)
    assert found.item() == pytest.approx(in_numpy(candidate, reference, *parameters), abs=1e-5)


def test_a_small_shift_costs_little() -> None:
    image = photo("astronaut", 257, 256)
    assert score(image[..., 1:, :], image[..., :-1, :]).item() > 0.98


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_flat_images_have_nothing_to_compare(level: float, dtype: torch.dtype) -> None:
    flat = torch.full((1, 3, 70, 64), level, dtype=dtype, requires_grad=True)
    value = score(flat, torch.full_like(flat, 0.5))
    (gradient,) = torch.autograd.grad(value.sum(), flat)
    assert value.item() == pytest.approx(1, abs=1e-6)
    assert gradient.isfinite().all()
    assert score(flat, photo(height=70, width=64).to(dtype)).item() == pytest.approx(0, abs=1e-6)


def test_one_state_serves_many_candidates() -> None:
    metric, reference = CWSSIM(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


def test_filters_made_without_gradients_serve_with_them() -> None:
    image = photo(height=71, width=77).float()
    with torch.inference_mode():
        score(image, image)
    output = noisy(image).requires_grad_()
    (gradient,) = torch.autograd.grad(CWSSIM()(output, image).sum(), output)
    assert gradient.norm() > 0


@settings(max_examples=15, deadline=None)
@given(st.integers(64, 90), st.integers(64, 90), st.integers(0, 1000))
def test_range_and_symmetry(height: int, width: int, seed: int) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    value = score(x, y).item()
    assert 0 <= value <= 1
    assert value == pytest.approx(score(y, x).item(), abs=1e-6)
    assert score(x, x).item() == pytest.approx(1, abs=1e-6)


def test_images_must_hold_the_level_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 64×64"):
        score(photo(height=63), photo(height=63))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=70), photo(height=71))
    assert score(photo(height=8, width=9), photo(height=8, width=9), level=1).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("parameters", [{"level": 0}, {"orientations": 17}, {"k": -1.0}])
def test_bands_that_there_are_not_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ComponentError, match="give a level"):
        CWSSIM(**parameters)
