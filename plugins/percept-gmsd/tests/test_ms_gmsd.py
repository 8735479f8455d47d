from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from percept.errors import ImageError
from percept_gmsd.gradients import variance
from percept_gmsd.ms_gmsd import MSGMSD
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photo(name: str = "chelsea", height: int = 200, width: int = 201) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor) -> Tensor:
    metric = MSGMSD()
    return metric.score(images, metric.prepare(reference))


def in_numpy(candidate: Tensor, reference: Tensor) -> float:
    """The paper's formula on float64 luminance, with scipy's convolutions."""
    prewitt = np.array([[1.0, 0.0, -1.0]] * 3) / 3
    x, y = (255 * np.tensordot([0.299, 0.587, 0.114], image[0].numpy(), 1) for image in (candidate, reference))
    total = 0.0
    for weight in (0.096, 0.596, 0.289, 0.019):
        a, b = (np.hypot(convolve2d(p, prewitt, "same"), convolve2d(p, prewitt.T, "same")) for p in (x, y))
        total += weight * np.var((1.5 * a * b + 170) / (a**2 + b**2 - 0.5 * a * b + 170))
        x, y = (convolve2d(p, np.full((2, 2), 0.25))[1:, 1:][::2, ::2] for p in (x, y))
    return float(np.sqrt(total))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(200, 200), (199, 131), (17, 33)])
def test_photographs_agree_with_the_paper(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=2e-8)


def test_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut", 512, 512)
    assert score((image + 0.5) / 2, image).item() == pytest.approx(0.1078777, abs=1e-6)  # in_numpy


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
        loss = MSGMSD()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-9)
        assert gradient.abs().max() == 0


def test_the_gradient_is_finite_near_equality() -> None:
    target = photo().float()
    for step in (1e-6, 1e-4, 1e-2):
        output = noisy(target, step).requires_grad_()
        (gradient,) = torch.autograd.grad(MSGMSD()(output, target).sum(), output)
        assert gradient.isfinite().all()


def test_one_state_serves_many_candidates() -> None:
    metric, reference = MSGMSD(), photo().float()
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
    assert 0 <= value <= 0.6
    assert value == pytest.approx(score(y, x).item(), abs=1e-6)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 17×17"):
        score(photo(height=16), photo(height=16))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=40), photo(height=41))


@pytest.mark.parametrize("correction", [0, 1])
def test_variance_is_torchs_with_and_without_a_gradient(correction: int) -> None:
    values = torch.rand(3, 1, 20, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = values.var((1, 2, 3), correction=correction)
    torch.testing.assert_close(variance(values, correction), expected)
    tracked = values.clone().requires_grad_()
    torch.testing.assert_close(variance(tracked, correction).detach(), expected)
    assert variance(tracked, correction).requires_grad
