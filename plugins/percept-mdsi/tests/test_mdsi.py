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
from percept_mdsi.features import box_means
from percept_mdsi.mdsi import MDSI
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photo(name: str = "chelsea", height: int = 200, width: int = 201) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor) -> Tensor:
    metric = MDSI()
    return metric.score(images, metric.prepare(reference))


def same(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """MATLAB's conv2(image, kernel, 'same'), which differs from scipy's for even kernels."""
    top, left = (size // 2 for size in kernel.shape)
    return np.asarray(convolve2d(image, kernel)[top : top + image.shape[0], left : left + image.shape[1]])


def in_numpy(candidate: Tensor, reference: Tensor) -> tuple[float, int]:
    """The authors' definitions with complex powers, in float64; and how many pixels have a negative similarity."""
    height, width = reference.shape[-2:]
    factor = max(1, int(min(height, width) / 256 + 0.5))
    prewitt = np.array([[1.0, 0.0, -1.0]] * 3) / 3
    weights = np.array([[0.2989, 0.5870, 0.1140], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17]])
    images = []
    for image in (reference, candidate):
        box = np.full((factor, factor), 1 / factor**2)
        small = [same(plane, box)[::factor, ::factor] for plane in 255 * image[0].numpy()]
        images.append(np.tensordot(weights, np.stack(small), 1))
    (l1, h1, m1), (l2, h2, m2) = images
    g1, g2, gf = (np.hypot(same(p, prewitt), same(p, prewitt.T)) for p in (l1, l2, (l1 + l2) / 2))

    def similarity(a: np.ndarray, b: np.ndarray, constant: float) -> np.ndarray:
        return np.asarray((2 * a * b + constant) / (a**2 + b**2 + constant))

    edges = similarity(g1, g2, 140) + similarity(g2, gf, 55) - similarity(g1, gf, 55)
    colours = (2 * (h1 * h2 + m1 * m2) + 550) / (h1**2 + h2**2 + m1**2 + m2**2 + 550)
    combined = 0.6 * edges + 0.4 * colours
    powers = combined.astype(complex) ** 0.25
    return float(np.abs(powers - powers.mean()).mean() ** 0.25), int((combined < 0).sum())


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_mdsi; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(200, 200), (199, 131), (17, 33)])
def test_photographs_agree_with_the_authors_definitions(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    for candidate in (noisy(reference), 1 - reference, torch.rand_like(reference)):
        assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference)[0], abs=2e-7)


@pytest.mark.parametrize(("height", "width", "factor"), [(383, 400, 1), (384, 385, 2), (401, 385, 2), (640, 643, 3)])
def test_large_images_are_averaged_down_as_in_matlab(height: int, width: int, factor: int) -> None:
    reference = photo("astronaut", 400, 400).repeat(1, 1, 2, 2)[..., :height, :width]
    candidate = noisy(reference)
    assert box_means(reference, factor).shape[-2:] == (-(-height // factor), -(-width // factor))
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference)[0], abs=2e-7)


def test_negative_similarities_have_complex_powers() -> None:
    reference = photo("coffee")
    candidate = torch.rand(reference.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected, negative = in_numpy(candidate, reference)
    assert negative > 100
    assert score(candidate, reference).item() == pytest.approx(expected, abs=2e-7)


def test_no_image_changes_the_score_of_its_batch_mates() -> None:
    reference = photo().repeat(2, 1, 1, 1)
    candidates = torch.cat((noisy(reference[:1]), torch.rand_like(reference[:1])))
    assert score(candidates, reference)[0].item() == pytest.approx(
        score(candidates[:1], reference[:1]).item(), abs=1e-9
    )


def test_the_reference_and_the_candidate_have_their_parts() -> None:
    reference = photo("astronaut")
    flat = torch.full_like(reference, 0.5)
    assert abs(score(flat, reference) - score(reference, flat)) > 1e-3


def test_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut", 512, 512)
    assert score((image + 0.5) / 2, image).item() == pytest.approx(0.3658087, abs=1e-6)  # in_numpy


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-5)


def test_equal_images_are_best_with_a_zero_gradient() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)):
        output = image.clone().requires_grad_()
        loss = MDSI()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-9)
        assert gradient.abs().max() == 0


def test_the_gradient_is_finite_near_equality() -> None:
    target = photo().float()
    for step in (1e-6, 1e-4, 1e-2):
        output = noisy(target, step).requires_grad_()
        (gradient,) = torch.autograd.grad(MDSI()(output, target).sum(), output)
        assert gradient.isfinite().all()


def test_one_state_serves_many_candidates() -> None:
    metric, reference = MDSI(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), alone, rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.integers(3, 40), st.integers(0, 1000), st.booleans())
def test_range(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y).item()
    assert 0 <= value <= 1


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 3×3"):
        score(photo(height=2), photo(height=2))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=40), photo(height=41))
