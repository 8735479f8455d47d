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
import skimage.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from percept.errors import ComponentError, ImageError
from percept.images import read_image
from percept_ssim.planes import downsampled
from percept_ssim.ssim import SSIM
from scipy import ndimage
from torch import Tensor

PHOTOS: Any = skimage.data  # they have no types
METRICS: Any = skimage.metrics
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}


def photo(name: str = "chelsea", side: int = 300) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:side, :side].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1, seed: int = 0) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, **parameters: Any) -> Tensor:
    metric = SSIM(**parameters)
    return metric.score(images, metric.prepare(reference))


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_ssim; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the authors' scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounded_luminance_gives_the_authors_scores(image: str, dtype: torch.dtype) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "ssim")
    distorted, reference = (read_image(ORACLE / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference, rounded=True).item() == pytest.approx(float(official[image]), abs=6e-5)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_channels_agree_with_scikit_image(name: str) -> None:
    reference = photo(name)
    candidate = noisy(reference)
    x, y = (image[0].permute(1, 2, 0).numpy() for image in (candidate, reference))
    expected = METRICS.structural_similarity(x, y, channel_axis=2, **WANG)
    assert score(candidate, reference, colour="rgb").item() == pytest.approx(expected, abs=1e-7)


def test_luminance_of_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut")
    assert score((image + 0.5) / 2, image).item() == pytest.approx(0.7688715, abs=1e-6)  # scikit-image, float64


def test_a_grey_photograph_scores_alike_by_luminance_and_by_channel() -> None:
    grey = photo().mean(1, keepdim=True).expand(1, 3, -1, -1)
    spoilt = noisy(grey[:, :1]).expand(1, 3, -1, -1)
    assert score(spoilt, grey).item() == pytest.approx(score(spoilt, grey, colour="rgb").item(), abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(300, 300), (384, 391), (641, 643), (900, 1024)])
def test_downsampling_is_that_of_the_authors_later_code(height: int, width: int) -> None:
    planes = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    factor = max(1, int(min(height, width) / 256 + 0.5))
    # scipy's middle of an even box is the lower right one, MATLAB's the upper left.
    box = np.full((factor, factor), 1 / factor**2)
    smooth = ndimage.correlate(planes[0, 0].numpy(), box, mode="reflect", origin=-1 if factor % 2 == 0 else 0)
    expected = smooth[::factor, ::factor]
    np.testing.assert_allclose(downsampled(planes)[0, 0].numpy(), expected, atol=1e-12)


def test_downsampling_changes_scores_of_large_images_alone() -> None:
    small, large = photo(side=300), photo("astronaut", 400)
    assert score(noisy(small), small, downsample=True) == score(noisy(small), small)
    assert score(noisy(large), large, downsample=True) > score(noisy(large), large) + 0.05


def test_negatives_are_dissimilar() -> None:
    assert score(1 - photo(), photo()).item() < -0.3


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            exact = score(noisy(reference, sigma), reference)
            assert score(noisy(reference, sigma).float(), reference.float()).item() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0])
def test_equal_flat_images_score_one_with_a_zero_gradient(level: float) -> None:
    flat = torch.full((1, 3, 32, 32), level, requires_grad=True)
    loss = SSIM()(flat, flat.detach())
    loss.sum().backward()
    assert loss.item() == 0
    assert flat.grad is not None
    assert flat.grad.abs().max() == 0


def test_flat_images_differ_by_luminance_only() -> None:
    x, y = (torch.full((1, 3, 20, 20), level, dtype=torch.float64) for level in (0.2, 0.6))
    assert score(x, y).item() == pytest.approx((2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4), abs=1e-6)


def test_one_state_serves_many_candidates() -> None:
    metric, reference = SSIM(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


def test_rounding_keeps_256_levels_and_lets_the_gradient_through() -> None:
    reference = photo(side=40)
    candidate = noisy(reference)
    levels = (candidate * 255).round() / 255
    assert score(candidate, reference, colour="rgb", rounded=True).item() == pytest.approx(
        score(levels, reference, colour="rgb").item(), abs=1e-12
    )
    candidate.requires_grad_()
    (gradient,) = torch.autograd.grad(score(candidate, reference, rounded=True).sum(), candidate)
    assert gradient.abs().sum() > 0


def test_gradients_of_gradients_exist() -> None:
    reference = photo(side=13)
    candidate = noisy(reference).requires_grad_()
    assert torch.autograd.gradgradcheck(SSIM(), (candidate, reference), atol=1e-4)


def test_minimising_the_loss_recovers_luminance() -> None:
    target = photo(side=48).float()
    output = noisy(target, 0.1).requires_grad_()
    metric, optimizer = SSIM(), torch.optim.Adam([output], lr=5e-3)
    before = metric(output, target).item()
    for _ in range(60):
        optimizer.zero_grad()
        metric(output, target).sum().backward()
        optimizer.step()
    assert metric(output, target).item() < before / 20


@settings(max_examples=25, deadline=None)
@given(st.integers(11, 40), st.integers(11, 40), st.integers(0, 1000), st.sampled_from(["gray", "rgb"]))
def test_range_and_symmetry(height: int, width: int, seed: int, colour: str) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    value = score(x, y, colour=colour).item()
    assert -1 <= value <= 1
    assert value == pytest.approx(score(y, x, colour=colour).item(), abs=2e-6)


def test_images_must_hold_the_window_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 11×11"):
        score(photo(side=10), photo(side=10))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(side=20), photo(side=21))
    assert score(photo(side=7), photo(side=7), window=7).item() == 1


@pytest.mark.parametrize("parameters", [{"window": 0}, {"sigma": 0.0}])
def test_a_window_without_extent_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ComponentError, match="positive"):
        SSIM(**parameters)
