from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from percept.errors import ImageError
from percept_sr_sim.saliency import saliency, side_of
from percept_sr_sim.sr_sim import SRSIM
from scipy.ndimage import correlate
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photo(name: str = "chelsea", height: int = 200, width: int = 201) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor) -> Tensor:
    metric = SRSIM()
    return metric.score(images, metric.prepare(reference))


def conv2_same(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """MATLAB's conv2(…, 'same'); scipy's takes the other middle of an even kernel."""
    start = [side // 2 for side in kernel.shape]
    full = convolve2d(plane, kernel)
    return full[start[0] : start[0] + plane.shape[0], start[1] : start[1] + plane.shape[1]]


def shrunk(plane: np.ndarray) -> np.ndarray:
    factor = max(1, int(np.floor(min(plane.shape) / 256 + 0.5)))
    return conv2_same(plane, np.full((factor, factor), 1 / factor**2))[::factor, ::factor]


def cubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def resized(plane: np.ndarray, size: tuple[int, int], scales: tuple[float, float]) -> np.ndarray:
    """MATLAB's imresize, pixel by pixel: 1-based positions, mirrored."""
    for count, scale in zip(size, scales, strict=True):
        length, rows, shrink = plane.shape[0], [], min(scale, 1)
        for i in range(1, count + 1):
            centre = i / scale + 0.5 * (1 - 1 / scale)
            taps = np.floor(centre - 2 / shrink) + np.arange(np.ceil(4 / shrink) + 2)
            weights = cubic(shrink * (centre - taps))
            mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
            rows.append(weights / weights.sum() @ plane[mirror[(taps.astype(int) - 1) % (2 * length)]])
        plane = np.array(rows).T
    return plane


def saliency_in_numpy(plane: np.ndarray) -> np.ndarray:
    size = tuple(int(np.ceil(side / 4)) for side in plane.shape)
    spectrum = np.fft.fft2(resized(plane, size, (0.25, 0.25)))
    amplitude, phase = np.log(np.abs(spectrum)), np.angle(spectrum)
    residual = amplitude - correlate(amplitude, np.full((3, 3), 1 / 9), mode="nearest")
    found = np.abs(np.fft.ifft2(np.exp(residual + 1j * phase))) ** 2
    x = np.arange(10) - 4.5
    gaussian = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 3.8**2))
    padded = np.pad(found, ((4, 5), (4, 5)))  # imfilter's middle of ten is the fifth
    found = convolve2d(padded, gaussian[::-1, ::-1] / gaussian.sum(), "valid")
    found = (found - found.min()) / (found.max() - found.min())
    return resized(found, plane.shape, tuple(new / old for new, old in zip(plane.shape, size, strict=True)))


def in_numpy(x: Tensor, y: Tensor) -> float:
    """The textbook's way, on float64."""
    scharr = np.array([[3.0, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    features = []
    for image in (x, y):
        luminance = shrunk(np.tensordot([0.299, 0.587, 0.114], 255 * image[0].numpy(), 1))
        magnitude = np.hypot(conv2_same(luminance, scharr), conv2_same(luminance, scharr.T))
        features.append((saliency_in_numpy(luminance), magnitude))
    alike = [(2 * a * b + c) / (a**2 + b**2 + c) for a, b, c in zip(*features, (0.4, 225), strict=True)]
    weights = np.maximum(features[0][0], features[1][0])
    return float((alike[0] * alike[1] ** 0.5 * weights).sum() / weights.sum())


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_sr_sim; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(60, 85), (151, 200), (200, 151)])
def test_photographs_agree_with_the_textbook(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-6)


def test_a_photograph_that_is_shrunk_agrees_with_the_textbook() -> None:
    reference = photo("coffee", 386, 501)
    candidate = noisy(reference, 0.05)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-6)


def test_saliency_agrees_with_the_textbook() -> None:
    plane = 255 * photo("astronaut", 100, 181)[:, :1]
    expected = torch.from_numpy(saliency_in_numpy(plane[0, 0].numpy()))
    torch.testing.assert_close(saliency(plane)[0, 0], expected, rtol=0, atol=1e-6)


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-5)


def test_an_image_does_not_change_the_scores_of_others() -> None:
    reference = photo().float()
    candidate = noisy(reference)
    batch = torch.cat([candidate, torch.zeros_like(candidate), reference])
    together = score(batch, reference.expand_as(batch).contiguous())
    assert together[0].item() == pytest.approx(score(candidate, reference).item(), abs=1e-6)


def test_equal_and_flat_images_score_one() -> None:
    for image in (
        photo().float(),
        torch.zeros(1, 3, 16, 16),
        torch.ones(1, 3, 16, 16),
        torch.full((1, 3, 17, 19), 0.3),
    ):
        output = image.clone().requires_grad_()
        loss = SRSIM()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert gradient.abs().max() < 1e-5


def test_one_state_serves_many_candidates() -> None:
    metric, reference = SRSIM(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


def test_matrices_first_made_without_gradients_serve_later_with_them() -> None:
    side_of.cache_clear()
    reference = photo(height=40, width=44).float()
    with torch.inference_mode():
        score(reference, reference)
    output = noisy(reference).requires_grad_()
    SRSIM()(output, reference).sum().backward()
    assert output.grad is not None


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 40), st.integers(16, 40), st.integers(0, 1000), st.booleans())
def test_range_and_symmetry(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y).item()
    assert 0 <= value <= 1
    assert value == pytest.approx(score(y, x).item(), abs=1e-6)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="SR-SIM needs at least 16×16"):
        score(photo(height=15), photo(height=15))
    with pytest.raises(ImageError, match="SR-SIM: shapes differ"):
        score(photo(height=20), photo(height=21))
