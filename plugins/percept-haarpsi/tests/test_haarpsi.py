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
from percept_haarpsi.haarpsi import HaarPSI
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photo(name: str = "chelsea", height: int = 200, width: int = 201) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor) -> Tensor:
    metric = HaarPSI()
    return metric.score(images, metric.prepare(reference))


def same(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """MATLAB's conv2(image, kernel, 'same'), which differs from scipy's for even kernels."""
    top, left = (size // 2 for size in kernel.shape)
    return np.asarray(convolve2d(image, kernel)[top : top + image.shape[0], left : left + image.shape[1]])


def in_numpy(candidate: Tensor, reference: Tensor) -> float:
    """The authors' definitions, window by window, in float64."""
    weights = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    box = np.full((2, 2), 0.25)
    filters = []
    for side in (2, 4, 8):
        haar = np.full((side, side), 1 / side)
        haar[: side // 2] *= -1
        filters += [haar, haar.T]
    maps = []
    for image in (candidate, reference):
        planes = [same(plane, box)[::2, ::2] for plane in np.tensordot(weights, 255 * image[0].numpy(), 1)]
        maps.append([abs(same(planes[0], kernel)) for kernel in filters] + [abs(same(p, box)) for p in planes[1:]])
    s = [(2 * a * b + 30) / (a**2 + b**2 + 30) for a, b in zip(*maps, strict=True)]
    w = [np.maximum(a, b) for a, b in zip(*maps, strict=True)][4:6]
    similarity = np.stack([(s[0] + s[2]) / 2, (s[1] + s[3]) / 2, (s[6] + s[7]) / 2])
    weight = np.stack([*w, (w[0] + w[1]) / 2])
    mean = (weight / (1 + np.exp(-4.2 * similarity))).sum() / weight.sum()
    return float((np.log(mean / (1 - mean)) / 4.2) ** 2)


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_haarpsi; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(200, 200), (199, 200), (200, 131), (17, 33)])
def test_photographs_agree_with_the_authors_definitions(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    for candidate in (noisy(reference), 1 - reference, torch.rand_like(reference)):
        assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-12)


def test_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut", 512, 512)
    assert score((image + 0.5) / 2, image).item() == pytest.approx(0.7146285, abs=1e-6)  # in_numpy


def test_black_images_are_equal() -> None:
    black = torch.zeros(2, 3, 16, 16)
    assert score(black, black).tolist() == [1, 1]
    assert score(black + 0.1, black).max() < 1


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-6)


def test_equal_images_are_best_with_a_zero_gradient() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)):
        output = image.clone().requires_grad_()
        loss = HaarPSI()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-9)
        assert gradient.abs().max() == 0


def test_the_gradient_is_finite_near_equality() -> None:
    target = photo().float()
    for step in (1e-6, 1e-4, 1e-2):
        output = noisy(target, step).requires_grad_()
        (gradient,) = torch.autograd.grad(HaarPSI()(output, target).sum(), output)
        assert gradient.isfinite().all()


def test_one_state_serves_many_candidates() -> None:
    metric, reference = HaarPSI(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 1000), st.booleans())
def test_range_and_symmetry(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y).item()
    assert 0 <= value <= 1
    assert value == pytest.approx(score(y, x).item(), abs=1e-6)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 2×2"):
        score(photo(height=1), photo(height=1))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=40), photo(height=41))
