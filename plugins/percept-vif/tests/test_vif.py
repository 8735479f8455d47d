from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from percept.errors import ImageError
from percept.images import read_image
from percept.primitives import GRAY
from percept_vif import steerable
from percept_vif.vif import VIF
from scipy.signal import correlate
from torch import Tensor

Array = NDArray[np.float64]
PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"


def photo(name: str = "chelsea", height: int = 120, width: int = 121) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, **parameters: Any) -> Tensor:
    metric = VIF(**parameters)
    return metric.score(images, metric.prepare(reference))


def in_numpy(candidate: Tensor, reference: Tensor) -> float:
    """The authors' code, step by step as in MATLAB, on float64 luminance."""
    x, y = (255 * np.tensordot(GRAY, image[0].numpy(), 1) for image in (candidate, reference))
    kept = total = 0.0
    for number, (xs, ys) in enumerate(zip(subbands(x), subbands(y), strict=True)):
        height, width = (side // 3 * 3 for side in ys.shape)
        window = 2 ** (4 - number // 2) + 1
        gain, noise = channel(xs[:height, :width], ys[:height, :width], window)
        field, eigenvalues = mixture(ys[:height, :width])
        margin = -(-(window // 2) // 3)
        gain, noise, field = (values[margin:-margin, margin:-margin] for values in (gain, noise, field))
        for value in eigenvalues:
            kept += np.log2(1 + gain**2 * field * value / (noise + 0.4)).sum()
            total += np.log2(1 + field * value / 0.4).sum()
    return float(kept / total)


def subbands(image: Array) -> Iterator[Array]:
    start, step = (
        steerable._unfolded(steerable._square(taps)).numpy() for taps in (steerable.LOW_START, steerable.LOW_STEP)
    )
    across = steerable._unfolded(steerable.DERIVATIVE, odd=True).numpy()
    low = mirrored(image, start)
    for _ in range(4):
        yield mirrored(low, across)
        yield mirrored(low, across.T)
        low = mirrored(low, step)[::2, ::2]


def channel(x: Array, y: Array, width: int) -> tuple[Array, Array]:
    tol, count, window = 1e-15, width**2, np.ones((width, width))
    mx, my, xy, xx, yy = (mirrored(values, window)[1::3, 1::3] for values in (x, y, x * y, x * x, y * y))
    cross = xy - mx * my / count
    s_ref, s_cand = np.maximum(yy - my**2 / count, 0), np.maximum(xx - mx**2 / count, 0)
    gain = cross / (s_ref + tol)
    noise = (s_cand - gain * cross) / count
    gain[s_ref < tol], noise[s_ref < tol] = 0, s_cand[s_ref < tol]
    gain[s_cand < tol], noise[s_cand < tol] = 0, 0
    noise[gain < 0] = s_cand[gain < 0]
    gain[gain < 0] = 0
    noise[noise <= tol] = tol
    return gain, noise


def mixture(y: Array) -> tuple[Array, Array]:
    height, width = y.shape
    shifts = [(i, j) for j in range(3) for i in range(3)]
    every = np.stack([y[i : height - 2 + i, j : width - 2 + j].ravel() for i, j in shifts])
    covariance = np.cov(every, bias=True)
    blocks = np.stack([y[i::3, j::3].ravel() for i, j in shifts])
    field = (np.linalg.inv(covariance) @ blocks * blocks).sum(0) / 9
    return field.reshape(height // 3, width // 3), np.linalg.eigvalsh(covariance)


def mirrored(image: Array, taps: Array) -> Array:
    return np.asarray(correlate(np.pad(image, taps.shape[0] // 2, mode="reflect"), taps, "valid"))


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_vif; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the authors' scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounded_luminance_gives_the_authors_scores(image: str, dtype: torch.dtype) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "vif")
    distorted, reference = (read_image(ORACLE / folder / image)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference, rounded=True).item() == pytest.approx(float(official[image]), abs=6e-5)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("size", [(119, 130), (120, 121), (72, 145)])
@pytest.mark.parametrize("sigma", [1e-3, 0.1])
def test_photographs_agree_with_the_authors_code(name: str, size: tuple[int, int], sigma: float) -> None:
    reference = photo(name, *size)
    candidate = noisy(reference, sigma)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-9)


def test_enhanced_contrast_and_blur_agree_with_the_authors_code() -> None:
    reference = photo("astronaut") / 2 + 0.25
    for candidate in (1.3 * reference - 0.15, torch.nn.functional.avg_pool2d(reference, 3, 1, 1), 1 - reference):
        assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-9)
    assert score(1.3 * reference - 0.15, reference).item() > 1


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        reference[..., 60:] = 1  # flat, and far from the middle
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-4)


def test_equal_images_score_one_with_a_finite_gradient() -> None:
    ramp = torch.linspace(0, 1, 80).expand(1, 3, 90, 80)
    for image in (photo().float(), ramp, torch.zeros(1, 3, 72, 72), torch.ones(1, 3, 72, 72)):
        output = image.clone().requires_grad_()
        value = score(output, image)
        (gradient,) = torch.autograd.grad(value.sum(), output)
        assert value.item() == pytest.approx(1, abs=1e-6)
        assert gradient.isfinite().all()


def test_a_flat_reference_has_no_say() -> None:
    output = photo().float().requires_grad_()
    value = score(output, torch.full_like(output, 0.3))
    assert value.item() == 1
    assert torch.autograd.grad(value.sum(), output)[0].abs().max() == 0


def test_one_state_serves_many_candidates() -> None:
    metric, reference = VIF(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("side", "scales"), [(21, 1), (28, 1), (29, 2), (33, 3), (64, 3), (65, 4)])
def test_small_patches_use_the_scales_that_fit(side: int, scales: int) -> None:
    reference = photo(height=side, width=side + 3)
    assert len(VIF(scales="fit").prepare(reference).scales) == scales
    assert 0 < score(noisy(reference), reference, scales="fit").item() < 1


def test_four_scales_are_those_that_fit_large_images() -> None:
    reference = photo()
    assert score(noisy(reference), reference).equal(score(noisy(reference), reference, scales="fit"))


def test_gradients_are_correct() -> None:
    reference = photo(height=24, width=30)
    candidate = noisy(reference).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: VIF(scales="fit")(x, reference), (candidate,), atol=1e-6, fast_mode=True)


def test_rounding_lets_the_gradient_through() -> None:
    reference = photo(height=72, width=72)
    candidate = noisy(reference).requires_grad_()
    (gradient,) = torch.autograd.grad(score(candidate, reference, rounded=True).sum(), candidate)
    assert gradient.abs().sum() > 0


def test_images_must_be_large_enough_and_agree() -> None:
    with pytest.raises(ImageError, match="at least 72×72"):
        score(photo(height=71), photo(height=71))
    with pytest.raises(ImageError, match="at least 21×21"):
        score(photo(height=20), photo(height=20), scales="fit")
    with pytest.raises(ImageError, match="shapes differ"):
        score(photo(height=80), photo(height=81))
