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
from numpy.typing import NDArray
from percept.errors import ImageError
from percept.primitives import GRAY
from percept_degradations.imresize import imresize
from percept_sfsn.sfsn import SFSN, entropy, split
from scipy.fft import dctn, idctn
from scipy.signal import correlate
from torch import Tensor

Array = NDArray[np.float64]
PHOTOS: Any = skimage.data  # it has no types
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def photo(name: str = "chelsea", height: int = 176, width: int = 181) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, **parameters: Any) -> Tensor:
    metric = SFSN(**parameters)
    return metric.score(images, metric.prepare(reference))


def in_numpy(candidate: Tensor, reference: Tensor) -> float:
    """The authors' code, step by step as in MATLAB, with scipy's cosine transform."""
    (low, high), (known, _) = (frequencies(image) for image in (candidate, reference))
    window = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(window, window) / window.sum() ** 2
    fidelity = 1.0
    for level, weight in enumerate(WEIGHTS):
        fidelity *= similarity(low, known, window, last=level == 4) ** weight
        low, known = (means(image) for image in (low, known))
    counts = np.bincount(high.astype(int).ravel())
    p = counts[counts > 0] / high.size
    return float(1.9 * fidelity - 0.1 * (p * np.log2(p)).sum())


def frequencies(image: Tensor) -> tuple[Array, Array]:
    gray = (255 * np.tensordot(GRAY, image[0].numpy(), 1)).round()
    side = min(gray.shape)
    square = imresize(torch.from_numpy(gray)[None, None], 1, (side, side))[0, 0].numpy()
    spectrum = dctn(square, norm="ortho")
    high = np.fliplr(np.tril(np.fliplr(spectrum), int(side / 2 + 0.5)))
    return to_uint8(idctn(spectrum - high, norm="ortho")), to_uint8(idctn(high, norm="ortho"))


def to_uint8(values: Array) -> Array:
    return np.floor(values.clip(0, 255) + 0.5)


def similarity(x: Array, y: Array, window: Array, last: bool) -> float:
    mx, my, xx, yy, xy = (correlate(values, window, "valid") for values in (x, y, x * x, y * y, x * y))
    sx, sy, cross, c2 = np.maximum(xx - mx**2, 0), np.maximum(yy - my**2, 0), xy - mx * my, 7.65**2
    if last:
        return float(((cross + c2) / (np.sqrt(sx) * np.sqrt(sy) + c2)).mean())
    return float(((2 * cross + c2) / (sx + sy + c2)).mean())


def means(image: Array) -> Array:
    padded = np.pad(image, ((0, 1), (0, 1)), mode="symmetric")
    return ((padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]) / 4)[::2, ::2]


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_sfsn; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("size", [(176, 176), (177, 181), (200, 179)])
@pytest.mark.parametrize("sigma", [0.02, 0.2])
def test_photographs_agree_with_the_authors_code(name: str, size: tuple[int, int], sigma: float) -> None:
    reference = photo(name, *size)
    for candidate in (noisy(reference, sigma), torch.nn.functional.avg_pool2d(reference, 3, 1, 1)):
        expected = in_numpy(candidate, reference)
        assert score(candidate, reference, rounded=True).item() == pytest.approx(expected, abs=1e-6)


def test_float32_is_as_good_as_float64() -> None:
    for rounded in (False, True):
        for sigma in (1e-3, 0.02, 0.2):
            reference = photo()
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference, rounded=rounded).item()
            single = score(candidate.float(), reference.float(), rounded=rounded).item()
            assert single == pytest.approx(exact, abs=3e-5)


def test_low_and_high_frequencies_are_those_of_the_cosine_transform() -> None:
    for side in (20, 21):
        plane = torch.rand(1, 1, side, side, dtype=torch.float64)
        low, high = split(plane)
        spectra = [dctn(part[0, 0].numpy(), norm="ortho") for part in (low, high)]
        order = np.add.outer(np.arange(side), np.arange(side))
        is_low = order < side - 1 - int(side / 2 + 0.5)
        assert np.abs(spectra[0][~is_low]).max() < 1e-12
        assert np.abs(spectra[1][is_low]).max() < 1e-12


def test_entropy_is_in_bits_and_has_a_slope_between_levels() -> None:
    levels = torch.tensor([-3.0, 0.0, 7.0, 300.0]).view(1, 1, 2, 2)
    assert entropy(levels).item() == pytest.approx(1.5)
    assert entropy(torch.arange(256.0).view(1, 1, 16, 16)).item() == pytest.approx(8)
    between = torch.full((1, 1, 4, 4), 7.25, dtype=torch.float64, requires_grad=True)
    assert entropy(between).item() == pytest.approx(0.8112781, abs=1e-6)
    assert torch.autograd.grad(entropy(between).sum(), between)[0].min() > 0


def test_the_weights_of_fidelity_and_naturalness() -> None:
    image = photo().float()
    high = split(torch.tensor(GRAY).view(1, 3, 1, 1).mul(image).sum(1, keepdim=True))[1]
    assert score(image, image).item() == pytest.approx(1.9 + 0.1 * entropy(255 * high).item(), abs=1e-5)
    flat = torch.full((1, 3, 176, 176), 0.4)
    assert score(flat, flat, rounded=True).item() == pytest.approx(1.9, abs=1e-6)


def test_one_state_serves_many_candidates() -> None:
    metric, reference = SFSN(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 2.7 - alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (21, 1), (22, 2), (44, 3), (88, 4), (175, 4), (176, 5)])
def test_small_patches_use_the_scales_that_fit(side: int, scales: int) -> None:
    reference = photo(height=side, width=side + 5)
    assert len(SFSN(scales="fit").prepare(reference).scales) == scales
    assert 0 < score(noisy(reference), reference, scales="fit").item() < 2.7


def test_gradients_are_correct() -> None:
    reference = photo(height=24, width=30)
    candidate = noisy(reference).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: SFSN(scales="fit")(x, reference), (candidate,), eps=1e-7, fast_mode=True)


def test_rounding_lets_the_gradient_through() -> None:
    reference = photo()
    candidate = noisy(reference).requires_grad_()
    (gradient,) = torch.autograd.grad(score(candidate, reference, rounded=True).sum(), candidate)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(11, 40), st.integers(11, 40), st.integers(0, 1000), st.booleans())
def test_range(height: int, width: int, seed: int, saturated: bool) -> None:
    x, y = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    assert 0 <= score(x.round() if saturated else x, y, scales="fit").item() <= 2.7


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 176×176"):
        score(photo(height=175), photo(height=175))
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=180), photo(height=181))
