from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept.errors import DataError, ImageError
from percept.images import read_image
from percept_niqe.il_features import FEATURES, block_features, gradients, halved
from percept_niqe.il_model import KEYS, ILModel, load_il_model
from percept_niqe.il_niqe import ILNIQE, il_niqe
from percept_niqe.scenes import gaussian_window, shape_ratios
from percept_niqe.weibull import weibull
from scipy.ndimage import correlate
from scipy.optimize import brentq
from scipy.signal import convolve2d
from scipy.special import gamma
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"
AUTHORS = DATA / "weights" / "ilniqe_templateModel.mat"
SHAPES = 0.2 + 0.001 * np.arange(9801)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))

Array = np.ndarray


def levels(name: str = "coffee", side: int = 168) -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:side, :side].copy()).permute(2, 0, 1).double()


def aggd(values: Array) -> tuple[float, float, float]:
    left, right = (np.sqrt(np.mean(values[side] ** 2)) for side in (values < 0, values > 0))
    skew, ratio = left / right, np.mean(np.abs(values)) ** 2 / np.mean(values**2)
    a = SHAPES[np.argmin((RATIOS - ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2) ** 2)]
    scale = np.sqrt(gamma(1 / a) / gamma(3 / a))
    return float(a), float(left * scale), float(right * scale)


def contrast(block: Array) -> list[float]:
    a, left, right = aggd(block.ravel())
    found = [a, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a, left, right = aggd((block * np.roll(block, shift, (0, 1))).ravel())
        found += [a, (right - left) * gamma(2 / a) / gamma(1 / a), left, right]
    return found


def spread(block: Array) -> list[float]:
    a, left, right = aggd(block.ravel())
    return [a, (left + right) / 2]


def moments(block: Array) -> list[float]:
    return [float(block.mean()), float(block.var(ddof=1))]


def wblfit(block: Array) -> list[float]:
    x = block.ravel() / block.max()
    logs = np.log(x)
    k = brentq(lambda k: (x**k * logs).sum() / (x**k).sum() - logs.mean() - 1 / k, 0.05, 50, xtol=1e-13)
    return [float(block.max() * np.mean(x**k) ** (1 / k)), float(k)]


def log_gabors(side: int, wavelength: float) -> list[Array]:
    y, x = np.mgrid[-side // 2 : side // 2, -side // 2 : side // 2] / side
    radius, theta = np.fft.ifftshift(np.hypot(x, y)), np.fft.ifftshift(np.arctan2(-y, x))
    radius[0, 0] = 1
    found = []
    for scale in range(3):
        radial = np.exp(-(np.log(radius * wavelength * 1.31**scale) ** 2) / (2 * np.log(0.55) ** 2))
        radial[0, 0] = 0
        for angle in np.arange(4) * np.pi / 4:
            away = np.abs(np.angle(np.exp(1j * (theta - angle))))
            found.append(radial * np.exp(-(away**2) / (2 * (np.pi / 4 / 1.1) ** 2)))
    return found


def maps(red: Array, green: Array, blue: Array, factor: int) -> list[Array]:
    """The 109 maps of one scale, in the order of the authors' matrix."""
    opponent = [0.3 * red + 0.04 * green - 0.35 * blue, 0.34 * red - 0.6 * green + 0.17 * blue]
    opponent.append(0.06 * red + 0.63 * green + 0.27 * blue)
    window = np.outer(gaussian_window(5), gaussian_window(5))
    mean, square = (correlate(m, window, mode="nearest") for m in (opponent[2], opponent[2] ** 2))
    sigma = 1.66 / factor**0.28
    reach = int(np.ceil(3 * sigma))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = (x + 1j * y) * np.exp(-(x**2 + y**2) / 2 / sigma**2)
    edges = [convolve2d(m, kernel, "same") for m in opponent]
    logs = [np.log(m + 1e-5) - np.mean(np.log(m + 1e-5)) for m in (red, green, blue)]
    found = [(opponent[2] - mean) / (np.sqrt(np.abs(square - mean**2)) + 1), *map(np.abs, edges)]
    found += [sum(logs) / np.sqrt(3), (logs[0] + logs[1] - 2 * logs[2]) / np.sqrt(6), (logs[0] - logs[1]) / np.sqrt(2)]
    found += [part for edge in edges for part in (edge.real, edge.imag)]
    spectrum = np.fft.fft2(opponent[2])
    both = [np.fft.ifft2(f * spectrum) for f in log_gabors(len(red), 2.4 / factor**0.87)]
    responses = [part for response in both for part in (response.real, response.imag)]
    slopes = [convolve2d(response, kernel, "same") for response in responses]
    return [*found, *responses, *(part for s in slopes for part in (s.real, s.imag)), *map(np.abs, slopes)]


def in_numpy(planes: Array) -> Array:
    """The authors' features, with scipy's convolutions, Γ and root finder."""
    columns = []
    for factor in (1, 2):
        size, stacked = 84 // factor, np.stack(maps(planes[0], planes[1], planes[2], factor))
        rows = []
        for top in range(0, stacked.shape[1], size):
            for start in range(0, stacked.shape[2], size):
                block = stacked[:, top : top + size, start : start + size]
                fits = [wblfit, moments, spread, wblfit]
                parts = [block[1:4], block[4:7], block[7:85], block[85:]]
                rest = [value for fit, part in zip(fits, parts, strict=True) for b in part for value in fit(b)]
                rows.append(contrast(block[0]) + rest)
        columns.append(np.array(rows))
        taps = np.exp(-(np.arange(-2.5, 3) ** 2) / (2 * 0.9**2))
        kernel = np.outer(taps, taps) / taps.sum() ** 2
        planes = np.stack([correlate(p, kernel, mode="nearest", origin=-1)[::2, ::2] for p in planes])
    return np.concatenate(columns, axis=1)


@pytest.mark.skipif(not (ORACLE.is_dir() and AUTHORS.is_file()), reason="the authors' files are not in the shared data")
@pytest.mark.parametrize(("image", "flat"), [("I04", 2e-4), ("I06", 5e-4)])
def test_the_authors_model_gives_the_authors_scores(image: str, flat: float) -> None:
    pytest.importorskip("scipy.io")
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "ilniqe")
    found = ILNIQE(str(AUTHORS)).score(read_image(ORACLE / "dist_dir" / f"{image}.bmp")[None])
    assert found.item() == pytest.approx(float(official[f"{image}.bmp"]), abs=flat)


def test_features_of_a_photograph_agree_with_the_textbook() -> None:
    planes = levels()
    found = block_features(planes, gaussian_window(5), shape_ratios()).numpy()
    expected = in_numpy(planes.numpy())
    assert found.shape == (4, FEATURES)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_planes_are_halved_as_by_imfilter() -> None:
    planes = levels(side=18)[:, :, :14]
    taps = np.exp(-(np.arange(-2.5, 3) ** 2) / (2 * 0.9**2))
    kernel = np.outer(taps, taps) / taps.sum() ** 2
    expected = [correlate(p, kernel, mode="nearest", origin=-1)[::2, ::2] for p in planes.numpy()]
    np.testing.assert_allclose(halved(planes), np.stack(expected), rtol=1e-12)


def test_gradients_vanish_in_flat_areas() -> None:
    across, down = gradients(torch.full((1, 30, 30), 0.7, dtype=torch.float64), 1.66)
    assert across[:, :, 5:-5].abs().max() == 0
    assert down[:, 5:-5].abs().max() == 0


@pytest.mark.parametrize(("scale", "shape"), [(1.0, 0.4), (3e-9, 1.0), (50.0, 1.6), (0.2, 8.0)])
def test_the_fit_finds_the_distribution_that_samples_are_from(scale: float, shape: float) -> None:
    uniform = torch.rand(2, 100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64).clamp_min(1e-12)
    samples = scale * (-uniform.log()) ** (1 / shape)
    found = weibull(samples.log())
    assert [f[0].item() for f in found] == pytest.approx([scale, shape], rel=0.02)
    assert [f[1].item() for f in found] == pytest.approx(wblfit(samples[1].numpy()), rel=1e-7)


def test_fits_of_odd_samples() -> None:
    equal = torch.full((1, 200), 2.0, dtype=torch.float64)
    almost = torch.cat([torch.ones(199), torch.tensor([2.0])]).double()[None]
    two = torch.cat([torch.full((100,), 2.2e-16), torch.ones(100)]).double()[None]
    assert [f.item() for f in weibull(equal.log())] == [pytest.approx(2), torch.inf]
    for samples in (almost, two):
        scale, shape = weibull(samples.log())
        assert [scale.item(), shape.item()] == pytest.approx(wblfit(samples.numpy()), rel=1e-6)


def small_model(size: int = 6) -> ILModel:
    rng = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(FEATURES, size, generator=rng, dtype=torch.float64)).Q
    return ILModel(torch.zeros(size).double(), torch.eye(size).double(), torch.ones(FEATURES).double(), axes)


def test_incomplete_blocks_are_at_the_mean_of_the_others() -> None:
    model = small_model()
    features = torch.randn(9, FEATURES, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    features[4, 7] = torch.nan
    features[5, 8] = torch.inf
    rows = (features.nan_to_num(nan=0, posinf=1e4)[[0, 1, 2, 3, 5, 6, 7, 8]] - 1) @ model.axes
    precision = torch.linalg.pinv((torch.eye(6) + rows.T.cov()) / 2)
    expected = torch.stack([(row @ precision @ row).sqrt() for row in [*rows, rows.mean(0)]]).mean()
    assert il_niqe(features, model).item() == pytest.approx(expected.item(), rel=1e-9)
    for known in (0, 1):
        features[known:] = torch.nan
        assert il_niqe(features, model).isfinite()


def save(path: Path, model: ILModel) -> str:
    parts: dict[str, Any] = dict(zip(KEYS, (part.numpy() for part in model), strict=True))
    np.savez(path, **parts)
    return str(path)


def test_npz_files_are_read_and_images_are_scored(tmp_path: Path) -> None:
    metric = ILNIQE(save(tmp_path / "model.npz", small_model()))
    image = levels("chelsea", 60)[None, :, :, :50].float() / 255
    flat = torch.full((1, 3, 60, 50), 0.4)
    assert metric.score(torch.cat([image, flat])).isfinite().all()
    assert metric.state_dict() == {}


def test_small_images_and_absent_models_are_refused_in_one_line(tmp_path: Path) -> None:
    metric = ILNIQE(save(tmp_path / "model.npz", small_model()))
    with pytest.raises(ImageError, match="il-niqe needs at least 16×16"):
        metric.score(torch.zeros(1, 3, 15, 20))
    with pytest.raises(DataError, match="il-niqe needs `model`, the authors' templateModel") as error:
        ILNIQE()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spoil", ["keys", "size", "covariance"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, spoil: str) -> None:
    model = small_model()
    if spoil == "keys":
        np.savez(tmp_path / "model.npz", mu_prisparam=np.zeros(6))
    elif spoil == "size":
        save(tmp_path / "model.npz", model._replace(axes=model.axes[:36]))
    else:
        save(tmp_path / "model.npz", model._replace(covariance=-model.covariance))
    with pytest.raises(DataError, match=r"model\.npz: ") as error:
        load_il_model(str(tmp_path / "model.npz"))
    assert "\n" not in str(error.value)
