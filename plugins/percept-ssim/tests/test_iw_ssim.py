from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept.errors import ImageError
from percept.images import read_image
from percept.primitives import GRAY
from percept.registry import registry
from percept_ssim.information import enlarge, information, mixture
from percept_ssim.iw_ssim import IWSSIM
from percept_ssim.laplacian import expand, laplacian, reduce
from percept_ssim.ms_ssim import WEIGHTS
from scipy.signal import convolve2d
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"
TAPS = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16 * np.sqrt(2)


def photo(name: str = "chelsea", height: int = 176, width: int = 190) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, **parameters: Any) -> Tensor:
    metric = IWSSIM(**parameters)
    return metric.score(images, metric.prepare(reference))


def smoothed(plane: np.ndarray) -> np.ndarray:
    return convolve2d(np.pad(plane, 2, mode="reflect"), np.outer(TAPS, TAPS), "valid")


def expanded(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    sparse = np.zeros(shape)
    sparse[::2, ::2] = plane
    return smoothed(sparse)


def pyramid(plane: np.ndarray, levels: int) -> list[np.ndarray]:
    if levels == 1:
        return [plane]
    coarse = smoothed(plane)[::2, ::2]
    return [plane - expanded(coarse, plane.shape), *pyramid(coarse, levels - 1)]


def enlarged(plane: np.ndarray) -> np.ndarray:
    """Bilinear to 4M - 3, one extrapolated row and column at each end, every other one of the result."""
    for _ in range(2):
        known = len(plane)
        place = (np.arange(1, 4 * known - 2) - 0.5) * known / (4 * known - 3) - 0.5
        rows = np.stack([np.interp(place, np.arange(known), column) for column in plane.T])
        first, last = (2 * rows[:, i] - rows[:, j] for i, j in ((0, 1), (-1, -2)))
        plane = np.column_stack([first, rows, last])[:, ::2]
    return plane


def weights_of(band: np.ndarray, candidate: np.ndarray, parent: np.ndarray | None) -> np.ndarray:
    """The authors' weight map, with the covariance inverted and its eigenvalues one by one."""
    box = np.full((3, 3), 1 / 9)
    mx, my, xx, yy, xy = (
        convolve2d(m, box, "valid") for m in (band, candidate, band**2, candidate**2, band * candidate)
    )
    xx, yy, xy = np.maximum(xx - mx**2, 0), np.maximum(yy - my**2, 0), xy - mx * my
    flat = xx < 1e-15
    gain = np.where(flat | (yy < 1e-15), 0, xy / (xx + 1e-15))
    noise = np.where(yy < 1e-15, 0, np.where(flat, yy, yy - xy / (xx + 1e-15) * xy))
    height, width = xx.shape
    vectors = [band[i : i + height, j : j + width].ravel() for i in range(3) for j in range(3)]
    if parent is not None:
        vectors.append(enlarged(parent)[1 : height + 1, 1 : width + 1].ravel())
    matrix = np.stack(vectors, 1)
    covariance = matrix.T @ matrix / len(matrix)
    scale = np.sum(matrix @ np.linalg.inv(covariance) * matrix, 1).reshape(xx.shape) / len(vectors)
    total = np.zeros_like(scale)
    for eigenvalue in np.linalg.eigvalsh(covariance):
        total += np.log2(1 + ((noise + (1 + gain**2) * 0.4) * scale * eigenvalue + 0.4 * noise) / 0.16)
    return total


def in_numpy(x: Tensor, y: Tensor, levels: int = 5) -> float:
    """IW-SSIM as the authors' code computes it, textbook moments under the two-dimensional window."""
    taps = np.exp(-(np.arange(-5.0, 6.0) ** 2) / 4.5)
    window = np.outer(taps, taps) / taps.sum() ** 2
    candidates, references = (pyramid(255 * np.tensordot(GRAY, image[0].numpy(), 1), levels) for image in (x, y))
    value = 1.0
    for scale in range(levels):
        a, b = candidates[scale], references[scale]
        ma, mb, aa, bb, ab = (convolve2d(m, window, "valid") for m in (a, b, a * a, b * b, a * b))
        cs = (2 * (ab - ma * mb) + 7.65**2) / (aa - ma**2 + bb - mb**2 + 7.65**2)
        if scale == levels - 1:
            mean = np.mean(cs * (2 * ma * mb + 2.55**2) / (ma**2 + mb**2 + 2.55**2))
        else:
            weights = weights_of(b, a, references[scale + 1] if scale < levels - 2 else None)[4:-4, 4:-4]
            mean = np.sum(cs * weights) / np.sum(weights)
        value *= float(mean) ** (WEIGHTS[scale] / sum(WEIGHTS[:levels]))
    return value


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(("height", "width"), [(176, 190), (179, 201)])
def test_photographs_agree_with_the_textbook(name: str, height: int, width: int) -> None:
    reference = photo(name, height, width)
    candidate = noisy(reference)
    assert score(candidate, reference).item() == pytest.approx(in_numpy(candidate, reference), abs=1e-7)


@pytest.mark.parametrize(("side", "levels"), [(175, 4), (87, 3), (43, 2), (21, 1)])
def test_patches_use_the_scales_that_fit(side: int, levels: int) -> None:
    reference = photo(height=side, width=side + 8)
    candidate = noisy(reference)
    found = score(candidate, reference, scales="fit").item()
    assert found == pytest.approx(in_numpy(candidate, reference, levels), abs=1e-7)


# Values of in_numpy, on luminance rounded to 256 levels.
@pytest.mark.skipif(not ORACLE.is_dir(), reason="the calibration images are not in the shared data")
@pytest.mark.parametrize(
    ("image", "value"),
    [("I03", 0.391636), ("I04", 0.999592), ("I06", 0.999869), ("I08", 0.928639), ("I19", 0.827125)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_calibration_pairs(image: str, value: float, dtype: torch.dtype) -> None:
    name = f"{image}.bmp"
    distorted, reference = (read_image(ORACLE / folder / name)[None].to(dtype) for folder in ("dist_dir", "ref_dir"))
    metric = registry().build("assessor", "iw-ssim")
    assert metric.score(distorted, metric.prepare(reference)).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("texture", "strength", "value"),
    [(False, 10, 0.970210), (False, 40, 0.754273), (True, 10, 0.997193), (True, 30, 0.981140)],
)
def test_patterns_score_as_in_the_authors_code(texture: bool, strength: int, value: float) -> None:
    """Values of iwssim.m, run under Octave for the tests of github.com/justin13888/iqa-rs, on its images."""
    y, x = np.mgrid[:192, :192].astype(np.uint32)
    pattern = 96.0 + (2 * x + 3 * y) % 64
    if texture:
        pattern = (128 + 70 * np.sin(0.42 * x) * np.cos(0.31 * y) + 25.0 * ((x ^ y) % 13)).round().clip(8, 247)
    mixed = x * np.uint32(0x9E3779B1) ^ y * np.uint32(0x85EBCA77)
    mixed = (mixed ^ mixed >> np.uint32(15)) * np.uint32(0x2545F491)
    noise = (mixed ^ mixed >> np.uint32(13)) % 20001 / 1e4 - 1
    spoilt = np.floor(pattern + strength * noise + 0.5).clip(0, 255)
    images = (torch.from_numpy(plane / 255).expand(1, 3, -1, -1) for plane in (spoilt, pattern))
    assert score(*images).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(20, 24), (21, 24), (20, 25), (21, 25)])
def test_the_pyramid_is_the_textbooks(height: int, width: int) -> None:
    plane = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    coarse = reduce(plane)
    expected = smoothed(plane[0, 0].numpy())[::2, ::2]
    torch.testing.assert_close(coarse[0, 0], torch.from_numpy(expected))
    torch.testing.assert_close(
        expand(coarse, height, width)[0, 0], torch.from_numpy(expanded(expected, (height, width)))
    )
    for band, known in zip(laplacian(plane, 3), pyramid(plane[0, 0].numpy(), 3), strict=True):
        torch.testing.assert_close(band[0, 0], torch.from_numpy(known))


@pytest.mark.parametrize(("height", "width"), [(11, 14), (12, 13)])
def test_parents_are_enlarged_as_imenlarge2_does(height: int, width: int) -> None:
    plane = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.from_numpy(enlarged(plane[0, 0].numpy())[:height, :width].copy())
    torch.testing.assert_close(enlarge(plane, height, width)[0, 0], expected)


@pytest.mark.parametrize("parent", [True, False])
def test_one_logarithm_serves_two_eigenvalues(parent: bool) -> None:
    first, second, coarse = (laplacian(255 * photo()[:, c : c + 1], 3)[c] for c in (0, 0, 1))
    candidate = second + noisy(second / 255) * 20
    model = mixture(first, coarse if parent else None)
    gain, noise = candidate[..., 1:-1, 1:-1].abs() / 50, candidate[..., 1:-1, 1:-1].square()
    scale, eigenvalues = model.scale * 0.4, model.eigenvalues
    terms = ((noise + (1 + gain**2) * 0.4) * scale)[..., None] * eigenvalues[:, None, None] + 0.4 * noise[..., None]
    expected = (1 + terms / 0.16).log2().sum(-1)
    torch.testing.assert_close(information(gain, noise, *model), expected)


def test_float32_is_as_good_as_float64() -> None:
    for name in ("astronaut", "chelsea", "coffee"):
        reference = photo(name)
        for sigma in (1e-3, 0.02, 0.2):
            candidate = noisy(reference, sigma)
            exact = score(candidate, reference).item()
            assert score(candidate.float(), reference.float()).item() == pytest.approx(exact, abs=1e-6)


def test_equal_images_score_one() -> None:
    for image in (photo().float(), torch.zeros(1, 3, 176, 176), torch.full((1, 3, 176, 176), 0.7)):
        output = image.clone().requires_grad_()
        loss = IWSSIM()(output, image)
        (gradient,) = torch.autograd.grad(loss.sum(), output)
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("scales", ["five", "fit"])
def test_gradients_reach_both_images_and_are_right(scales: Any) -> None:
    side = 176 if scales == "five" else 50
    reference = photo(height=side, width=side).requires_grad_()
    candidate = noisy(reference.detach()).requires_grad_()
    metric = IWSSIM(scales=scales)
    gradients = torch.autograd.grad(metric(candidate, reference).sum(), (candidate, reference))
    for at, gradient in enumerate(gradients):
        step = 1e-5 * gradient / gradient.norm()
        ends = []
        for sign in (1, -1):
            pair = [candidate.detach(), reference.detach()]
            pair[at] = pair[at] + sign * step
            ends.append(metric(*pair).item())
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient.norm().item(), rel=1e-3)


def test_one_state_serves_many_candidates() -> None:
    metric, reference = IWSSIM(), photo().float()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1, 0.2)])
    alone = torch.cat([score(candidate[None], reference) for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(metric(candidates, reference), 1 - alone, rtol=0, atol=1e-6)


def test_each_image_of_a_batch_has_its_own_covariance() -> None:
    references = torch.cat([photo(name).float() for name in ("astronaut", "chelsea")])
    candidates = noisy(references)
    alone = torch.cat([score(x[None], y[None]) for x, y in zip(candidates, references, strict=True)])
    torch.testing.assert_close(score(candidates, references), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(175, 200), (200, 175)])
def test_smaller_images_than_five_scales_need_are_refused(height: int, width: int) -> None:
    with pytest.raises(ImageError, match="at least 176×176"):
        score(photo(height=height, width=width), photo(height=height, width=width))
