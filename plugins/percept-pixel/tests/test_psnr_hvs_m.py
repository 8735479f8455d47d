from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from percept.errors import ImageError
from percept.primitives import GRAY
from percept_pixel.psnr_hvs_m import MASKING, PSNRHVSM, SENSITIVITY
from scipy.fft import dctn
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photo(name: str = "chelsea", height: int = 200, width: int = 201) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, rounded: bool = False) -> Tensor:
    metric = PSNRHVSM(rounded)
    return metric.score(images, metric.prepare(reference))


def masking(pixels: np.ndarray) -> float:
    def variation(values: np.ndarray) -> float:
        return float(values.var(ddof=1) * values.size)

    squares = np.square(dctn(pixels, norm="ortho")) * MASKING
    whole = variation(pixels)
    quarters = sum(variation(pixels[r : r + 4, c : c + 4]) for r in (0, 4) for c in (0, 4))
    return float(np.sqrt((squares.sum() - squares[0, 0]) * (quarters / whole if whole else 0))) / 32


def in_numpy(candidate: Tensor, reference: Tensor, rounded: bool = False) -> float:
    """The authors' definitions, block by block, in float64."""
    x, y = (255 * np.tensordot(GRAY, image[0].numpy(), 1) for image in (candidate, reference))
    x, y = (x.round(), y.round()) if rounded else (x, y)
    errors = []
    for top in range(0, x.shape[0] - 7, 8):
        for left in range(0, x.shape[1] - 7, 8):
            a, b = (plane[top : top + 8, left : left + 8] for plane in (x, y))
            difference = abs(dctn(a, norm="ortho") - dctn(b, norm="ortho"))
            visible = np.maximum(difference - max(masking(a), masking(b)) / np.array(MASKING), 0)
            visible[0, 0] = difference[0, 0]
            errors.append(np.square(visible * SENSITIVITY).mean())
    return float(10 * np.log10(255**2 / np.mean(errors)))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width", "rounded"), [(80, 96, False), (79, 90, True), (8, 15, False)])
def test_photographs_agree_with_the_authors_definitions(name: str, height: int, width: int, rounded: bool) -> None:
    reference = photo(name, height, width)
    for sigma in (0.02, 0.2):
        candidate = noisy(reference, sigma)
        expected = in_numpy(candidate, reference, rounded)
        assert score(candidate, reference, rounded).item() == pytest.approx(expected, abs=1e-6)


def test_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut", 512, 512)
    assert score((image + 0.5) / 2, image).item() == pytest.approx(12.2349317, abs=1e-5)  # in_numpy


def test_invisible_differences_score_100() -> None:
    texture = torch.rand(1, 1, 80, 80, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ripple = 1e-3 * torch.cos(torch.pi / 8 * (torch.arange(80) % 8 + 0.5) * 7).double()
    image = texture.expand(-1, 3, -1, -1)
    assert score(image + ripple, image).item() == 100
    assert score(image + 0.01, image).item() < 60


def test_what_fills_no_block_is_left_out() -> None:
    reference = photo(height=87, width=95)
    candidate = noisy(reference)
    inner = score(candidate[..., :80, :88], reference[..., :80, :88])
    assert score(candidate, reference).item() == pytest.approx(inner.item(), abs=1e-12)


def test_the_metric_can_be_used_after_inference_mode() -> None:
    metric, reference = PSNRHVSM(), photo(height=40, width=40)
    with torch.inference_mode():
        metric(reference, reference)
    output = noisy(reference).requires_grad_()
    (gradient,) = torch.autograd.grad(metric(output, reference).sum(), output)
    assert gradient.abs().sum() > 0


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, rel=2e-5)


def test_equal_images_are_best_with_a_zero_gradient() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)):
        output = image.clone().requires_grad_()
        loss = PSNRHVSM()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-9)
        assert gradient.abs().max() == 0


def test_the_gradient_is_finite_near_equality() -> None:
    target = photo().float()
    for step in (1e-6, 1e-4, 1e-2):
        output = noisy(target, step).requires_grad_()
        (gradient,) = torch.autograd.grad(PSNRHVSM()(output, target).sum(), output)
        assert gradient.isfinite().all()


def test_one_state_serves_many_candidates() -> None:
    metric, reference = PSNRHVSM(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 100 - alone, rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 1000), st.booleans())
def test_range_and_symmetry(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    x = x.round() if saturated else x
    value = score(x, y).item()
    assert -8.3 <= value <= 100
    assert value == pytest.approx(score(y, x).item(), abs=1e-5)


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 8×8"):
        score(photo(height=7), photo(height=7))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=40), photo(height=41))
