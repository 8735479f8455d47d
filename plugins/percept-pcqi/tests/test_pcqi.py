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
from numpy.typing import NDArray
from percept.errors import ImageError
from percept.images import read_image
from percept.primitives import GRAY
from percept_pcqi.pcqi import PCQI
from percept_pcqi.window import local_mean
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
PAIRS = DATA / "oracles" / "iqa-pytorch-calibration"

IN_NUMPY = {
    "I03.bmp": 0.2947492593,
    "I04.bmp": 0.9902243418,
    "I06.bmp": 0.9939210340,
    "I08.bmp": 0.9635818969,
    "I19.bmp": 0.3875906769,
}


def photo(name: str = "chelsea", height: int = 120, width: int = 121) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, rounded: bool = False) -> Tensor:
    metric = PCQI(rounded)
    return metric.score(images, metric.prepare(reference))


def in_numpy(image: Tensor, reference: Tensor, rounded: bool = False) -> float:
    """The authors' steps on float64 grey levels, with scipy's two-dimensional convolutions."""
    distance = np.hypot(*np.mgrid[-5:6, -5:6])
    window = np.exp(-(distance**2) / (2 * 1.5**2))
    x, y = (255 * np.tensordot(GRAY, plane[0].double().numpy(), 1) for plane in (reference, image))
    if rounded:
        x, y = np.round(x), np.round(y)

    def mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(convolve2d(plane, window / window.sum(), "valid"))

    covariance = mean(x * y) - mean(x) * mean(y)
    own, other = (np.maximum(0, mean(plane**2) - mean(plane) ** 2) for plane in (x, y))
    contrast = 4 / np.pi * np.arctan((covariance + 3) / (own + 3))
    structure = (covariance + 3) / (np.sqrt(own) * np.sqrt(other) + 3)
    return float(np.mean(contrast * structure * np.exp(-np.abs(mean(x) - mean(y)) / 256)))


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_pcqi; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not PAIRS.is_dir(), reason="the pairs are not in the shared data")
@pytest.mark.parametrize("image", IN_NUMPY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_five_pairs_of_tid2013(image: str, dtype: torch.dtype) -> None:
    distorted, reference = (read_image(PAIRS / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference, rounded=True).item() == pytest.approx(IN_NUMPY[image], abs=2e-7)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(120, 121), (57, 80), (11, 11)])
@pytest.mark.parametrize("rounded", [False, True])
def test_photographs_agree_with_the_authors_steps(name: str, height: int, width: int, rounded: bool) -> None:
    reference = photo(name, height, width)
    for candidate in (noisy(reference), (reference + 0.5) / 2, (1.5 * reference - 0.2).clamp(0, 1)):
        expected = in_numpy(candidate, reference, rounded)
        assert score(candidate, reference, rounded).item() == pytest.approx(expected, abs=1e-7)


def test_more_contrast_scores_more_and_less_scores_less() -> None:
    reference = 0.25 + photo() / 2
    stretched, flattened = (0.5 + factor * (reference - 0.5) for factor in (1.5, 0.5))
    assert score(stretched, reference) > 1 > score(flattened, reference)
    assert PCQI()(stretched, reference) < 0 < PCQI()(flattened, reference)


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for candidate in (noisy(reference, 1e-3), noisy(reference, 0.1), (reference * 4).clamp(0, 1)):
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=2e-7)


def test_the_gradient_of_the_window_written_by_hand() -> None:
    values = torch.rand(2, 1, 13, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(local_mean, values.requires_grad_())


def test_equal_images_score_one() -> None:
    for image in (photo(), photo().float(), torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)):
        output = image.clone().requires_grad_()
        loss = PCQI()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert gradient.isfinite().all()


def test_one_state_serves_many_candidates() -> None:
    metric, reference = PCQI(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-7)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


def test_rounding_lets_the_gradient_through() -> None:
    reference = photo(height=40, width=40)
    candidate = noisy(reference).requires_grad_()
    (gradient,) = torch.autograd.grad(score(candidate, reference, rounded=True).sum(), candidate)
    assert gradient.abs().sum() > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(11, 40), st.integers(11, 40), st.integers(0, 1000), st.booleans())
def test_range(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    assert 0 <= score(x.round() if saturated else x, y).item() <= 2


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 11×11"):
        score(photo(height=10), photo(height=10))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=20), photo(height=21))
