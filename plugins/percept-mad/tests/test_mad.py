from __future__ import annotations

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
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from percept.errors import ImageError
from percept.images import read_image
from percept.primitives import GRAY
from percept_mad.appearance import Magnitudes
from percept_mad.mad import MAD, blend
from percept_mad.moments import blocks, cells
from scipy.ndimage import uniform_filter
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
PAIRS = DATA / "oracles" / "iqa-pytorch-calibration"
Plane = NDArray[np.float64]

# What the steps below give for 8-bit luminance. They take minutes on whole images.
IN_NUMPY = {"I03.bmp": 152.7177369, "I04.bmp": 0, "I06.bmp": 0, "I08.bmp": 88.0732770, "I19.bmp": 113.8503113}


def photo(name: str = "chelsea", height: int = 120, width: int = 121) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, rounded: bool = False) -> Tensor:
    metric = MAD(rounded)
    return metric.score(images, metric.prepare(reference))


# What follows repeats the authors' code step by step on maps of full size, with complex transforms and every window
# cut out. It shares nothing with the implementation.


def windows(plane: Plane, side: int) -> Plane:
    """All windows that begin at every fourth pixel and have 16 pixels left, one a row of the last axis."""
    height, width = (size // 4 * 4 for size in (plane.shape[0] - 12, plane.shape[1] - 12))
    cut = sliding_window_view(plane, (side, side))[:height:4, :width:4]
    return cut.reshape(*cut.shape[:2], -1)


def spread(values: Plane, like: Plane) -> Plane:
    """Each window's value on the 4×4 pixels at its top left, 0 where there are none, then the border is cut off."""
    full = np.zeros_like(like)
    filled = np.kron(values, np.ones((4, 4)))
    full[: filled.shape[0], : filled.shape[1]] = filled
    return full[16:-17, 16:-17]


def sensitive(plane: Plane) -> Plane:
    rows, columns = plane.shape
    v, u = np.mgrid[:rows, :columns] + 0.5 - np.array(plane.shape)[:, None, None] / 2
    frequency = np.hypot(u, v) * 64 / columns / (0.15 * np.cos(4 * np.arctan2(v, u)) + 0.85)
    response = 2.6 * (0.0192 + 0.114 * frequency) * np.exp(-((0.114 * frequency) ** 1.1))
    response = np.where(frequency < 7.8909, 0.9809, response)
    spectrum = np.fft.fftshift(np.fft.fft2(plane))
    return np.fft.ifft2(np.fft.ifftshift(spectrum * response)).real


def least_of_neighbours(deviation: Plane, shape: tuple[int, ...]) -> Plane:
    result = deviation.copy()
    for i, j in np.ndindex(*deviation.shape):
        for row, column in ((4 * i + 5, 4 * j), (4 * i, 4 * j + 5), (4 * i + 5, 4 * j + 5)):
            if row < shape[0] - 15 and column < shape[1] - 15:
                result[i, j] = min(result[i, j], deviation[row // 4, column // 4])
    return result


def high_quality_index(reference: Plane, image: Plane, white: float) -> float:
    x, y = (sensitive(0.02874 * np.minimum(plane, white) ** (2.2 / 3)) for plane in (reference, image))
    mean = windows(x, 16).mean(-1)
    masking = least_of_neighbours(windows(x, 8).std(-1, ddof=1), x.shape)
    with np.errstate(divide="ignore"):
        own, error = np.log(masking / mean), np.log(windows(y - x, 16).std(-1, ddof=1) / mean)
    error[mean < 0.5] = -np.inf
    visible = np.where(own > -5, np.where(error > own, error - own, 0), np.where(error > -5, error + 5, 0))
    local = uniform_filter((reference - image) ** 2, 16, mode="reflect", origin=-1)[16:-17, 16:-17]
    return float(200 * np.sqrt(np.mean((spread(visible, x) * local) ** 2)))


def log_gabor_magnitudes(plane: Plane) -> list[list[Plane]]:
    rows, columns = plane.shape
    y, x = np.mgrid[:rows, :columns] / (np.array(plane.shape)[:, None, None] / 2) - 1
    centre = int(rows / 2 + 1.5) - 1, int(columns / 2 + 1.5) - 1  # counted from 0; halves are rounded up
    radius, theta, spectrum = np.hypot(x, y), np.arctan2(-y, x), np.fft.fft2(plane)
    radius[centre] = 1
    scales = []
    for scale in range(5):
        radial = np.exp(-(np.log(radius / (2 / (3 * 3**scale))) ** 2) / (2 * np.log(0.55) ** 2))
        radial[centre] = 0
        angles = [np.abs((theta - k * np.pi / 4 + np.pi) % (2 * np.pi) - np.pi) for k in range(4)]
        filters = [radial * np.exp(-(angle**2) / (2 * (np.pi / 6) ** 2)) for angle in angles]
        scales.append([np.abs(np.fft.ifft2(spectrum * np.fft.fftshift(filter_))) for filter_ in filters])
    return scales


def low_quality_index(reference: Plane, image: Plane) -> float:
    total = np.zeros_like(spread(np.zeros((1, 1)), reference))
    scales = zip(log_gabor_magnitudes(reference), log_gabor_magnitudes(image), strict=True)
    for weight, pairs in zip((0.5, 0.75, 1, 5, 6), scales, strict=True):
        for pair in zip(*pairs, strict=True):
            statistics = []
            for cut in (windows(magnitude, 16) for magnitude in pair):
                deviations = cut - cut.mean(-1, keepdims=True)
                second, third, fourth = ((deviations**power).mean(-1) for power in (2, 3, 4))
                statistics.append((np.sqrt(second * 256 / 255), 2 * third / second**1.5, fourth / second**2))
            changes = sum(np.abs(a - b) for a, b in zip(*statistics, strict=True))
            total += weight / 13.25 * spread(changes, reference)
    return float(np.sqrt(np.mean(total**2)))


def in_numpy(image: Tensor, reference: Tensor, rounded: bool = False) -> tuple[float, float, float]:
    """High-quality index, low-quality index, MAD."""
    x, y = (255 * np.tensordot(GRAY, plane[0].double().numpy(), 1) for plane in (reference, image))
    if rounded:
        x, y = np.round(x), np.round(y)
    high, low = high_quality_index(x, y, 254 if rounded else 255), low_quality_index(x, y)
    weight = 1 / (1 + np.exp(-2.55 / 3.35) * high ** (1 / (np.log(10) * 3.35)))
    return high, low, float(low ** (1 - weight) * high**weight)


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_mad; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not PAIRS.is_dir(), reason="the pairs are not in the shared data")
@pytest.mark.parametrize("image", IN_NUMPY)
def test_five_pairs_of_tid2013(image: str) -> None:
    distorted, reference = (read_image(PAIRS / folder / image)[None] for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference, rounded=True).item() == pytest.approx(IN_NUMPY[image], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "height", "width", "rounded"),
    [
        ("astronaut", 96, 128, False),
        ("astronaut", 97, 118, True),
        ("coffee", 98, 81, False),
        ("coffee", 67, 99, True),
        ("astronaut", 35, 60, False),
        ("coffee", 34, 34, True),
    ],
)
def test_photographs_of_any_size_agree_with_the_authors_steps(
    name: str, height: int, width: int, rounded: bool
) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference, 0.5)  # drives many pixels to 0 and 1
    high, low, mad = in_numpy(candidate, reference, rounded)
    metric = MAD(rounded)
    detected, changed = metric.indices(candidate, metric.prepare(reference))
    assert detected.item() == pytest.approx(high, rel=1e-7)
    assert changed.item() == pytest.approx(low, rel=1e-7)
    assert score(candidate, reference, rounded).item() == pytest.approx(mad, rel=1e-7)


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, rel=1e-5)


def test_moments_of_blocks() -> None:
    planes = 100 + torch.rand(1, 2, 32, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = blocks(cells(planes.float()), 4)
    cut = planes.unfold(2, 16, 4).unfold(3, 16, 4).flatten(-2)
    deviations = cut - cut.mean(-1, keepdim=True)
    torch.testing.assert_close(found.mean.double(), cut.mean(-1), rtol=1e-6, atol=0)
    for power, sums in zip((2, 3, 4), found[1:], strict=True):
        torch.testing.assert_close(sums.double(), deviations.pow(power).sum(-1), rtol=1e-4, atol=1e-4)


def test_the_gradient_written_by_hand() -> None:
    for height, width in ((36, 34), (35, 37)):
        levels = 255 * torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        assert torch.autograd.gradcheck(Magnitudes.apply, levels.requires_grad_(), fast_mode=True, eps=1e-4, atol=1e-3)


def test_the_gradient_where_errors_are_seen() -> None:
    reference = 0.1 + 0.8 * photo("astronaut", 60, 71)
    candidate = (0.1 + 0.8 * noisy(photo("astronaut", 60, 71), 0.2)).requires_grad_()
    loss = MAD()(candidate, reference)
    (gradient,) = torch.autograd.grad(loss.sum(), candidate)
    assert loss.item() > 1
    for seed in range(3):
        step = torch.randn(candidate.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        ahead, behind = (MAD()(candidate.detach() + sign * 1e-6 * step, reference) for sign in (1, -1))
        slope = (ahead - behind).item() / 2e-6
        assert (gradient * step).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-4 * gradient.norm().item())


def test_equal_images_score_zero_with_a_zero_gradient() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 40, 40), torch.ones(1, 3, 40, 40)):
        output = image.clone().requires_grad_()
        loss = MAD()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == 0
        assert gradient.abs().max() == 0


def test_an_unseen_error_costs_nothing() -> None:
    image = photo("coffee")
    metric = MAD()
    detected, changed = metric.indices(noisy(image, 0.002), metric.prepare(image))
    assert detected.item() == 0
    assert changed.item() > 0
    assert metric(noisy(image, 0.002), image).item() == 0


def test_the_gradient_is_of_moderate_size_where_errors_begin_to_be_seen() -> None:
    target = photo("astronaut").float()
    for sigma in (0.005, 0.01, 0.02, 0.1):
        output = noisy(target, sigma).requires_grad_()
        (gradient,) = torch.autograd.grad(MAD()(output, target).sum(), output)
        assert gradient.isfinite().all()
        assert gradient.norm() < 1e4


@settings(max_examples=100)
@given(st.floats(0, 1e6), st.floats(0, 100))
def test_the_blend_lies_between_its_indices(detected: float, changed: float) -> None:
    high, low = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (detected, changed))
    value = blend(high, low)
    assert min(detected, changed) - 1e-9 <= value.item() <= max(detected, changed) * (1 + 1e-9)
    assert all(slope.isfinite() for slope in torch.autograd.grad(value, (high, low)))


def test_one_state_serves_many_candidates() -> None:
    metric, reference = MAD(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=1e-5, atol=0)
    torch.testing.assert_close(metric(candidates, reference), alone, rtol=1e-5, atol=0)


def test_what_was_kept_under_inference_mode_serves_training() -> None:
    reference = photo(height=51, width=53)
    candidate = noisy(reference, 0.3)
    with torch.inference_mode():
        score(candidate, reference)
    MAD()(candidate.requires_grad_(), reference).sum().backward()


def test_rounding_lets_the_gradient_through() -> None:
    reference = photo("astronaut", 60, 60)
    candidate = noisy(reference, 0.2).requires_grad_()
    (gradient,) = torch.autograd.grad(score(candidate, reference, rounded=True).sum(), candidate)
    assert gradient.abs().sum() > 0


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 34×34"):
        score(photo(height=33), photo(height=33))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=40), photo(height=41))
