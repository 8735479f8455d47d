from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept.errors import DataError, ImageError
from percept.images import read_image
from percept_niqe import features as niqe_features
from percept_niqe.features import block_features
from percept_niqe.niqe import NIQE, gaussian_of
from percept_niqe.scenes import (
    asymmetric_gaussian,
    gaussian_window,
    gray_levels,
    normalised,
    shape_ratios,
    symmetric_gaussian,
    width,
)
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"
AUTHORS = DATA / "weights" / "niqe_pris_params.npz"
RATED = DATA / "rated" / "live-subset"


def photo(name: str = "chelsea", height: int = 288, width: int = 300) -> Tensor:
    image = torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy())
    return image.permute(2, 0, 1)[None].float() / 255


def noisy(image: Tensor, sigma: float) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    return (image + noise.to(image) * sigma).clamp(0, 1)


def score(images: Tensor, model: str = "") -> Tensor:
    return NIQE(model).score(images, None)


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_niqe; sys.exit(bool({'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(
    not (ORACLE.is_dir() and AUTHORS.is_file()), reason="the authors' scores and parameters are not in the shared data"
)
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
def test_the_authors_parameters_give_the_authors_scores(image: str) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "niqe")
    found = score(read_image(ORACLE / "dist_dir" / image)[None].double(), str(AUTHORS))
    assert found.item() == pytest.approx(float(official[image]), abs=0.031)


@pytest.mark.skipif(
    not (ORACLE.is_dir() and AUTHORS.is_file()), reason="the authors' scores and parameters are not in the shared data"
)
def test_without_flat_areas_the_authors_score_is_met_to_twelve_digits() -> None:
    found = score(read_image(ORACLE / "dist_dir" / "I04.bmp")[None].double(), str(AUTHORS))
    assert found.item() == pytest.approx(3.65492152353770, abs=1e-11)


@pytest.mark.skipif(
    not (ORACLE.is_dir() and AUTHORS.is_file()), reason="the authors' scores and parameters are not in the shared data"
)
def test_with_flat_areas_only_signs_of_rounding_errors_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # I06 has two flat areas, of 248 and 249. Had MATLAB's mean of 248s been the least bit above 248, and that of 249s
    # exactly 249, its score would follow to the last digit.
    def rounding_as_matlab(gray: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
        values, deviation = normalised(gray, window)
        return torch.where((values == 0) & (gray == 248), -1e-14, values), deviation

    monkeypatch.setattr(niqe_features, "normalised", rounding_as_matlab)
    found = score(read_image(ORACLE / "dist_dir" / "I06.bmp")[None].double(), str(AUTHORS))
    assert found.item() == pytest.approx(3.23547743716998, abs=1e-11)


@pytest.mark.skipif(not RATED.is_dir(), reason="the rated images are not in the shared data")
def test_more_severe_noise_and_blur_of_rated_images_score_worse() -> None:
    niqe = NIQE()
    for group in ("wn/buildings", "wn/monarch", "gblur/parrots"):  # 1 is the most severe
        scores = [niqe.score(read_image(RATED / f"{group}_{i}.bmp")[None], None).item() for i in range(1, 6)]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", ["chelsea", "astronaut", "coffee"])
def test_noise_is_worse_the_more_of_it(name: str) -> None:
    images = torch.cat([photo(name), *(noisy(photo(name), sigma) for sigma in (0.05, 0.15, 0.4))])
    assert (score(images).diff() > 0).all()


def test_an_image_in_a_batch_is_the_image_alone() -> None:
    images = torch.cat([photo("chelsea"), torch.zeros(1, 3, 288, 300), photo("coffee")])
    alone = torch.cat([score(image[None]) for image in images])
    assert torch.equal(score(images), alone)


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_flat_images_are_finite_and_far_from_natural(grey: float) -> None:
    flat = torch.full((1, 3, 192, 192), grey)
    assert 30 < score(flat).item() < math.inf
    flat[..., 100, 100] = 1 - grey
    assert 30 < score(flat).item() < math.inf


def test_saturated_and_half_flat_images_are_finite() -> None:
    half = photo()
    half[..., :144, :] = 0.5
    assert score(torch.cat([half, (photo() > 0.5).float(), (photo() * 2).clamp(0, 1)])).isfinite().all()


def test_flat_areas_do_not_depend_on_rounding() -> None:
    bright = (photo("coffee") * 1.5).clamp(0, 1)
    gray = gray_levels(bright)[0]
    assert (gray == 255).float().mean() > 0.05
    window, ratios = gaussian_window(), shape_ratios()
    features, turned = (block_features(g, window, ratios) for g in (gray, gray.mT.contiguous()))
    # Transposing sums in another order, and lets the first two shifts, columns 2 … 9 of 18, change places.
    order = [scale + i for scale in (0, 18) for i in (0, 1, 6, 7, 8, 9, 2, 3, 4, 5, *range(10, 18))]
    by_rows = turned.reshape(3, 3, 36).transpose(0, 1).flatten(0, 1)[:, order]
    assert torch.allclose(features, by_rows, rtol=1e-9, atol=1e-11, equal_nan=True)


def test_doubles_stay_doubles() -> None:
    assert score(photo().double()).dtype == torch.float64
    assert score(photo()).dtype == torch.float32


def test_it_takes_192_pixels_and_refuses_191_in_one_line() -> None:
    assert score(photo(height=192, width=195)).isfinite().all()
    with pytest.raises(ImageError, match="niqe needs at least 192×192 pixels, this image has 195×191"):
        score(photo(height=191, width=195))


def test_what_lies_beyond_whole_blocks_is_not_looked_at() -> None:
    image = photo("coffee", 288, 384)
    wider = torch.cat([image, torch.rand(1, 3, 288, 95)], dim=-1)
    assert torch.equal(score(wider), score(image))


@pytest.mark.parametrize(("shape", "left", "right"), [(0.7, 1.0, 1.0), (2.0, 1.0, 1.0), (1.2, 0.5, 1.5), (3.0, 2.0, 1)])
def test_the_fit_finds_the_distribution_that_samples_are_from(shape: float, left: float, right: float) -> None:
    # |x|^a of a generalised Gaussian is Gamma(1/a); a side has a share of the samples as its width has of both.
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    size = torch.distributions.Gamma(torch.tensor(1 / shape, dtype=torch.float64), 1.0).sample((400_000,)) ** (
        1 / shape
    )
    is_left = torch.rand(400_000, generator=rng) < left / (left + right)
    found, *deviations = asymmetric_gaussian(torch.where(is_left, -left * size, right * size), shape_ratios())
    widths = [(deviation * width(found)).item() for deviation in deviations]
    assert [found.item(), *widths] == pytest.approx([shape, left, right], rel=0.03)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_the_symmetric_fit_does_so_too(shape: float) -> None:
    torch.manual_seed(0)
    size = torch.distributions.Gamma(torch.tensor(1 / shape, dtype=torch.float64), 1.0).sample((400_000,))
    found, variance = symmetric_gaussian(size ** (1 / shape), shape_ratios())
    assert found.item() == pytest.approx(shape, rel=0.02)
    assert variance.item() == pytest.approx(width(torch.tensor(shape).double()).item() ** -2, rel=0.02)


def test_shapes_are_as_exact_as_doubles() -> None:
    torch.manual_seed(0)
    found, *_ = asymmetric_gaussian(torch.randn(9, 1000, dtype=torch.float64), shape_ratios())
    assert found.dtype == torch.float64
    assert ((found * 1000).round() / 1000 - found).abs().max() < 1e-12


def test_gray_is_rounded_as_rgb2gray_does() -> None:
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [17, 17, 17], [255, 255, 255]]) / 255
    assert gray_levels(colours.T.reshape(1, 3, 1, 5)).flatten().tolist() == [76, 150, 29, 17, 255]


def test_flat_blocks_have_no_widths_and_are_left_out() -> None:
    half = photo()
    half[..., :, :150] = 0.5
    features = block_features(gray_levels(half)[0], gaussian_window(), shape_ratios())
    flat = features.isnan().any(dim=1)
    assert flat.sum() == 3
    assert torch.equal(gaussian_of(features)[1], features[~flat].mT.cov())


def test_it_keeps_no_weights_to_save() -> None:
    assert NIQE().state_dict() == {}


def test_models_that_cannot_be_read_are_refused_in_one_line(tmp_path: Path) -> None:
    text, empty, one, other = (tmp_path / name for name in ("text.npz", "empty.npz", "one.npy", "other.npz"))
    text.write_text("no archive")
    empty.touch()
    np.save(one, np.zeros(36))
    np.savez(other, mu_pris_param=np.zeros(3), cov_pris_param=np.zeros((3, 3)))
    for path in (tmp_path / "absent.npz", text, empty, one, other):
        with pytest.raises(DataError) as error:
            NIQE(model=str(path))
        assert "\n" not in str(error.value)
        assert path.name in str(error.value)
