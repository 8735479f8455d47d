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
from percept_vif.vif_pixel import VIFPixel
from scipy.signal import correlate
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photo(name: str = "chelsea", height: int = 100, width: int = 101) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, rounded: bool = False) -> Tensor:
    metric = VIFPixel(rounded)
    return metric.score(images, metric.prepare(reference))


def in_numpy(candidate: Tensor, reference: Tensor, rounded: bool = False) -> float:
    """The authors' code, step by step as in MATLAB, on float64 luminance."""
    x, y = (255 * np.tensordot(GRAY, image[0].numpy(), 1) for image in (candidate, reference))
    if rounded:
        x, y = x.round(), y.round()
    kept = total = 0.0
    for width in (17, 9, 5, 3):
        axis = np.arange(width) - width // 2
        gaussian = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * (width / 5) ** 2))
        gaussian /= gaussian.sum()
        if width < 17:
            x, y = (correlate(image, gaussian, "valid")[::2, ::2] for image in (x, y))
        mx, my, xy, xx, yy = (correlate(values, gaussian, "valid") for values in (x, y, x * y, x * x, y * y))
        cross, s_ref, s_cand = xy - mx * my, np.maximum(yy - my**2, 0), np.maximum(xx - mx**2, 0)
        gain = cross / (s_ref + 1e-10)
        noise = s_cand - gain * cross
        flat, empty = s_ref < 1e-10, s_cand < 1e-10
        gain[flat], noise[flat], s_ref[flat] = 0, s_cand[flat], 0
        gain[empty], noise[empty] = 0, 0
        noise[gain < 0] = s_cand[gain < 0]
        gain[gain < 0] = 0
        noise[noise <= 1e-10] = 1e-10
        kept += np.log10(1 + gain**2 * s_ref / (noise + 2)).sum()
        total += np.log10(1 + s_ref / 2).sum()
    return float(kept / total)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("size", [(41, 60), (99, 100), (100, 101)])
@pytest.mark.parametrize("rounded", [False, True])
def test_photographs_agree_with_the_authors_code(name: str, size: tuple[int, int], rounded: bool) -> None:
    reference = photo(name, *size)
    for sigma in (5e-3, 0.1):
        candidate = noisy(reference, sigma)
        expected = in_numpy(candidate, reference, rounded)
        assert score(candidate, reference, rounded).item() == pytest.approx(expected, abs=1e-9)


def test_enhanced_contrast_and_a_negative_agree_with_the_authors_code() -> None:
    reference = photo("astronaut") / 2 + 0.25
    for candidate in (1.3 * reference - 0.15, 1 - reference):
        assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-9)
    assert score(1.3 * reference - 0.15, reference).item() > 1


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        reference[..., 60:] = 1  # flat, and far from the middle
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=2e-5)


def test_equal_images_score_one_with_a_finite_gradient() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 41, 41), torch.ones(1, 3, 41, 41)):
        output = image.clone().requires_grad_()
        value = score(output, image)
        (gradient,) = torch.autograd.grad(value.sum(), output)
        assert value.item() == pytest.approx(1, abs=1e-6)
        assert gradient.isfinite().all()


def test_one_state_serves_many_candidates() -> None:
    metric, reference = VIFPixel(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


def test_gradients_are_correct() -> None:
    reference = photo(height=41, width=44)
    candidate = noisy(reference).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: VIFPixel()(x, reference), (candidate,), atol=1e-6, fast_mode=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(41, 60), st.integers(41, 60), st.integers(0, 1000), st.booleans())
def test_range(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    value = score(x.round() if saturated else x, y)
    assert value.isfinite()
    assert value.item() >= 0


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 41×41"):
        score(photo(height=40), photo(height=40))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=60), photo(height=61))
