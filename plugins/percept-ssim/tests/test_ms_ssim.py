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
from percept.registry import registry
from percept_ssim.ms_ssim import FLOOR, MSSSIM, WEIGHTS, halve, weighted_product
from scipy.ndimage import correlate
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"


def photo(name: str = "chelsea", height: int = 171, width: int = 180) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, **parameters: Any) -> Tensor:
    metric = MSSSIM(**parameters)
    return metric.score(images, metric.prepare(reference))


def in_numpy(x: np.ndarray, y: np.ndarray) -> float:
    """MS-SSIM of two grey images, with the full two-dimensional window and the textbook's moments."""
    taps = np.exp(-(np.arange(-5.0, 6.0) ** 2) / 4.5)
    window = np.outer(taps, taps) / taps.sum() ** 2
    value = 1.0
    for scale, weight in enumerate(WEIGHTS, start=1):
        mx, my, xx, yy, xy = (convolve2d(m, window, "valid") for m in (x, y, x * x, y * y, x * y))
        cs = (2 * (xy - mx * my) + 9e-4) / (xx - mx**2 + yy - my**2 + 9e-4)
        luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
        value *= float(np.mean(cs * luminance if scale == 5 else cs)) ** weight
        x, y = (correlate(m, np.full((2, 2), 0.25), mode="reflect", origin=-1)[::2, ::2] for m in (x, y))
    return value


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the authors' scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_assessor_gives_the_authors_scores(image: str, dtype: torch.dtype) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "ms_ssim")
    distorted, reference = (read_image(ORACLE / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    metric = registry().build("assessor", "ms-ssim")
    found = metric.score(distorted, metric.prepare(reference))
    assert found.item() == pytest.approx(float(official[image]), abs=6e-5)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_the_product_agrees_with_the_textbook(name: str) -> None:
    reference = photo(name)
    candidate = noisy(reference)
    expected = [in_numpy(*(image[0, c].numpy() for image in (candidate, reference))) for c in range(3)]
    assert score(candidate, reference, colour="rgb").item() == pytest.approx(np.mean(expected), abs=1e-7)


def test_luminance_of_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut", 512, 512)
    assert score((image + 0.5) / 2, image).item() == pytest.approx(0.8420101, abs=1e-6)  # in_numpy


def test_halving_is_matlabs_symmetric_filter() -> None:
    plane = torch.arange(15.0).view(1, 1, 3, 5)
    expected = correlate(plane[0, 0].numpy(), np.full((2, 2), 0.25), mode="reflect", origin=-1)[::2, ::2]
    torch.testing.assert_close(halve(plane)[0, 0], torch.from_numpy(expected.copy()))


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=5))
def test_the_product_is_finite_and_increases_everywhere(means: list[float]) -> None:
    values = torch.tensor(means, dtype=torch.float64, requires_grad=True)
    product = weighted_product(values, torch.tensor(WEIGHTS, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(product, values)
    assert 0 < product.item() <= 1
    assert (gradient > 0).all()
    assert gradient.max() < 1000


def test_the_power_is_continued_smoothly() -> None:
    weight = torch.tensor([WEIGHTS[2]], dtype=torch.float64)
    value, slope = [], []
    for mean in (FLOOR * (1 - 1e-9), FLOOR * (1 + 1e-9)):
        x = torch.tensor([mean], dtype=torch.float64, requires_grad=True)
        y = weighted_product(x, weight)
        value.append(y.item())
        slope.append(torch.autograd.grad(y, x)[0].item())
    assert value[0] == pytest.approx(value[1], rel=1e-8)
    assert slope[0] == pytest.approx(slope[1], rel=1e-7)


def test_a_negative_image_can_be_climbed_from() -> None:
    target = photo("astronaut").float()
    output = (1 - target).requires_grad_()
    loss = MSSSIM()(output, target)
    (gradient,) = torch.autograd.grad(loss.sum(), output)
    assert 0.9 < loss.item() <= 1
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_float32_is_as_good_as_float64() -> None:
    reference = photo("coffee")
    for sigma in (1e-3, 0.02, 0.2):
        candidate = noisy(reference, sigma)
        exact = score(candidate, reference).item()
        assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-6)


def test_one_state_serves_many_candidates() -> None:
    metric, reference = MSSSIM(colour="rgb"), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.2)])
    alone = torch.cat([score(candidate[None], reference, colour="rgb") for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


def test_equal_images_score_one() -> None:
    assert score(photo(), photo()).item() == 1
    assert score(photo(), photo(), pooling="sum").item() == pytest.approx(1, abs=1e-7)


@settings(max_examples=10, deadline=None)
@given(st.integers(11, 100), st.integers(11, 100), st.integers(0, 1000))
def test_small_patches_use_the_scales_that_fit(height: int, width: int, seed: int) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    metric = MSSSIM(scales="fit")
    loss = metric(x, y).item()
    assert len(metric.prepare(x).scales) == sum(min(height, width) > 10 * factor for factor in (1, 2, 4, 8, 16))
    assert 0 <= loss <= 1
    assert loss == pytest.approx(metric(y, x).item(), abs=2e-6)


def test_fit_is_five_where_five_fit() -> None:
    reference = photo()
    assert torch.equal(score(noisy(reference), reference, scales="fit"), score(noisy(reference), reference))


@pytest.mark.parametrize(("height", "width"), [(160, 200), (200, 160)])
def test_smaller_images_than_five_scales_need_are_refused(height: int, width: int) -> None:
    with pytest.raises(ImageError, match="at least 161×161"):
        score(photo(height=height, width=width), photo(height=height, width=width))


def test_a_smaller_window_takes_smaller_images() -> None:
    image = photo(height=97, width=97)
    assert score(image, image, window=7).item() == 1
