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
from percept_fsim.filters import bank_of
from percept_fsim.fsim import FSIM
from percept_fsim.phase import phase_congruency
from percept_fsim.planes import real_power, shrink
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


def score(images: Tensor, reference: Tensor, chroma: bool = False) -> Tensor:
    metric = FSIM(chroma)
    return metric.score(images, metric.prepare(reference))


def conv2_same(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """MATLAB's conv2(…, 'same'); scipy's takes the other middle of an even kernel."""
    start = [side // 2 for side in kernel.shape]
    full = convolve2d(plane, kernel)
    return full[start[0] : start[0] + plane.shape[0], start[1] : start[1] + plane.shape[1]]


def shrunk(plane: np.ndarray) -> np.ndarray:
    factor = max(1, int(np.floor(min(plane.shape) / 256 + 0.5)))
    return conv2_same(plane, np.full((factor, factor), 1 / factor**2))[::factor, ::factor]


def frequencies(size: int) -> np.ndarray:
    if size % 2:
        return np.arange(-(size - 1) / 2, (size - 1) / 2 + 1) / (size - 1)
    return np.arange(-size / 2, size / 2) / size


def congruency_in_numpy(plane: np.ndarray) -> np.ndarray:
    """The textbook's way: complex transforms, every wavelet, MATLAB's median."""
    across, down = np.meshgrid(frequencies(plane.shape[1]), frequencies(plane.shape[0]))
    radius = np.fft.ifftshift(np.hypot(across, down))
    theta = np.fft.ifftshift(np.arctan2(-down, across))
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    spectrum = np.fft.fft2(plane)
    energies, amplitudes = np.zeros(plane.shape), np.zeros(plane.shape)
    for towards in np.arange(4) * np.pi / 4:
        away = np.abs(np.angle(np.exp(1j * (theta - towards))))
        spread = np.exp(-(away**2) / (2 * (np.pi / 4 / 1.2) ** 2))
        filters = []
        for wavelength in (6, 12, 24, 48):
            radial = np.exp(-(np.log(radius * wavelength) ** 2) / (2 * np.log(0.55) ** 2)) * low_pass
            radial[0, 0] = 0
            filters.append(radial * spread)
        responses = [np.fft.ifft2(spectrum * one) for one in filters]
        wavelets = [np.fft.ifft2(one).real * np.sqrt(plane.size) for one in filters]
        total = np.sum(responses, axis=0)
        mean = total / (np.abs(total) + 1e-4)
        energy = sum((r * mean.conj()).real - np.abs((r * mean.conj()).imag) for r in responses)
        noise = np.median(np.abs(responses[0]) ** 2) / np.log(2) / np.sum(filters[0] ** 2)
        pairs = sum(np.sum(wavelets[i] * wavelets[j]) for i in range(4) for j in range(i + 1, 4))
        tau = np.sqrt(noise * (np.sum(np.square(wavelets)) + 2 * pairs))
        threshold = (tau * np.sqrt(np.pi / 2) + 2 * np.sqrt((2 - np.pi / 2) * tau**2)) / 1.7
        energies += np.maximum(energy - threshold, 0)
        amplitudes += np.sum(np.abs(responses), axis=0)
    return energies / amplitudes


def in_numpy(x: Tensor, y: Tensor) -> tuple[float, float]:
    """FSIM and FSIMc on float64."""
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    scharr = np.array([[3.0, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    features = []
    for image in (x, y):
        luminance, *chroma = (shrunk(plane) for plane in np.tensordot(to_yiq, 255 * image[0].numpy(), 1))
        magnitude = np.hypot(conv2_same(luminance, scharr), conv2_same(luminance, scharr.T))
        features.append((congruency_in_numpy(luminance), magnitude, *chroma))
    alike = [(2 * a * b + c) / (a**2 + b**2 + c) for a, b, c in zip(*features, (0.85, 160, 200, 200), strict=True)]
    weights = np.maximum(features[0][0], features[1][0])
    colour = np.real(np.asarray(alike[2] * alike[3], dtype=complex) ** 0.03)
    both = alike[0] * alike[1] * weights
    return both.sum() / weights.sum(), (both * colour).sum() / weights.sum()


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_fsim; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the authors' scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_chroma_gives_the_authors_scores(image: str, dtype: torch.dtype) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "fsim")
    distorted, reference = (read_image(ORACLE / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    value = score(distorted, reference, chroma=True).item()
    assert value == pytest.approx(float(official[image]), abs=5e-5)  # half of their last digit


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(60, 85), (101, 144), (144, 101), (128, 96)])
def test_photographs_agree_with_the_textbook(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference)
    luminance, colour = in_numpy(candidate, reference)
    assert score(candidate, reference).item() == pytest.approx(luminance, abs=1e-6)
    assert score(candidate, reference, chroma=True).item() == pytest.approx(colour, abs=1e-6)


def test_opposite_colours_have_the_real_part_of_a_complex_power() -> None:
    reference = photo("coffee", 100, 120)
    candidate = 1 - reference
    assert score(candidate, reference, chroma=True).item() == pytest.approx(in_numpy(candidate, reference)[1], abs=1e-6)
    bases = torch.tensor([-1.0, -0.2, 0.3], dtype=torch.float64)
    torch.testing.assert_close(real_power(bases, 0.03, 1e-8), (bases + 0j).pow(0.03).real)


@pytest.mark.parametrize(("height", "width"), [(383, 384), (384, 386), (641, 640), (640, 700), (900, 1027)])
def test_the_working_size_is_that_of_matlab(height: int, width: int) -> None:
    plane = torch.rand(height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(shrink(plane[None, None])[0, 0], torch.from_numpy(shrunk(plane.numpy())))


def test_a_photograph_that_is_shrunk_agrees_with_the_textbook() -> None:
    reference = photo("astronaut", 390, 501)
    candidate = noisy(reference, 0.05)
    assert score(candidate, reference, chroma=True).item() == pytest.approx(in_numpy(candidate, reference)[1], abs=1e-6)


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name, 120, 121)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference, chroma=True).item()
            assert score(candidate.float(), reference.float(), chroma=True).item() == pytest.approx(exact, abs=2e-6)


def test_the_gradient_of_phase_congruency_is_exact() -> None:
    plane = (255 * photo(height=21, width=18)[:, :1]).requires_grad_()
    weights = torch.rand(plane.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((phase_congruency(plane) * weights).sum(), plane)
    step = torch.zeros_like(plane)
    for pixel in range(0, plane.numel(), 17):
        step.zero_().flatten()[pixel] = 1e-5
        with torch.no_grad():
            slope = ((phase_congruency(plane + step) - phase_congruency(plane - step)) * weights).sum() / 2e-5
        assert gradient.flatten()[pixel].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-8)


def test_equal_and_flat_images_score_one() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16), torch.full((1, 3, 9, 9), 0.3)):
        output = image.clone().requires_grad_()
        loss = FSIM(chroma=True)(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert gradient.abs().max() < 1e-6
    assert 0.8 < score(torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.7)).item() < 1  # zero border


def test_one_state_serves_many_candidates() -> None:
    metric, reference = FSIM(chroma=True), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference, chroma=True) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=3e-7)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=3e-7)


def test_filters_first_made_without_gradients_serve_later_with_them() -> None:
    bank_of.cache_clear()
    reference = photo(height=40, width=44).float()
    with torch.inference_mode():
        score(reference, reference)
    output = noisy(reference).requires_grad_()
    FSIM()(output, reference).sum().backward()
    assert output.grad is not None


def test_values_that_are_not_numbers_give_none() -> None:
    image = torch.full((1, 3, 16, 16), float("nan"))
    assert score(image, image).isnan().all()


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 1000), st.booleans())
def test_range_and_symmetry(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y, chroma=True).item()
    assert 0 <= value <= 1
    assert value == pytest.approx(score(y, x, chroma=True).item(), abs=1e-6)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="FSIM needs at least 8×8"):
        score(photo(height=7), photo(height=7))
    with pytest.raises(ImageError, match="FSIMc: shapes differ"):
        score(photo(height=20), photo(height=21), chroma=True)
