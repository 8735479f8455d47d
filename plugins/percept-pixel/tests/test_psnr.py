from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

import pytest
import skimage.color
import skimage.data
import skimage.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st
from percept.errors import ComponentError, ImageError
from percept.images import read_image
from percept_pixel.psnr import PSNR
from torch import Tensor

PHOTOS: Any = skimage.data  # they have no types
COLOUR: Any = skimage.color
METRICS: Any = skimage.metrics
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"


def photo(name: str = "chelsea") -> Tensor:
    return torch.from_numpy(getattr(PHOTOS, name)()[:200, :300].copy()).permute(2, 0, 1)[None].double() / 255


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (image + sigma * noise.to(image)).clamp(0, 1)


def score(images: Tensor, reference: Tensor, **parameters: Any) -> Tensor:
    metric = PSNR(**parameters)
    return metric.score(images, metric.prepare(reference))


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the official scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
def test_rgb_gives_the_official_scores(image: str) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "psnr")
    distorted, reference = (read_image(ORACLE / folder / image)[None] for folder in ("dist_dir", "ref_dir"))
    assert score(distorted, reference).item() == pytest.approx(float(official[image]), abs=5.1e-3)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_photographs_agree_with_scikit_image(name: str) -> None:
    reference = photo(name)
    candidate = noisy(reference)
    x, y = (image[0].permute(1, 2, 0).numpy() for image in (candidate, reference))
    expected = METRICS.peak_signal_noise_ratio(y, x, data_range=1)
    assert score(candidate, reference).item() == pytest.approx(expected, abs=1e-9)
    luma = [COLOUR.rgb2ycbcr(image)[..., 0] for image in (y, x)]
    expected = METRICS.peak_signal_noise_ratio(*luma, data_range=255)
    assert score(candidate, reference, colour="luma").item() == pytest.approx(expected, abs=1e-9)


def test_a_photograph_at_half_its_contrast() -> None:
    image = photo("astronaut")
    assert score((image + 0.5) / 2, image).item() == pytest.approx(17.210973, abs=1e-5)  # scikit-image


@given(st.floats(1e-4, 1))
def test_a_flat_difference_gives_its_own_level(difference: float) -> None:
    black = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    rgb = score(black + difference, black)
    assert rgb.item() == pytest.approx(-20 * math.log10(difference), abs=1e-9)
    gain = score(black + difference, black, colour="luma") - rgb
    assert gain.item() == pytest.approx(20 * math.log10(255 / 219), abs=1e-6)


@pytest.mark.parametrize("colour", ["rgb", "luma"])
def test_equal_images_score_100(colour: str) -> None:
    assert score(photo(), photo(), colour=colour).item() == 100


def test_the_cap_changes_nothing_below_it() -> None:
    image = photo() * 0.9
    assert score(image + 10 ** (-99.9 / 20), image).item() == pytest.approx(99.9, abs=1e-6)


@pytest.mark.parametrize("colour", ["rgb", "luma"])
def test_the_border_is_left_out(colour: str) -> None:
    reference = photo()
    candidate = noisy(reference)
    inner = score(candidate[..., 4:-4, 4:-4], reference[..., 4:-4, 4:-4], colour=colour)
    candidate[..., :4, :] = 0
    candidate[..., -4:] = 1
    torch.testing.assert_close(score(candidate, reference, colour=colour, crop_border=4), inner)


def test_one_state_serves_many_candidates() -> None:
    metric, reference = PSNR("luma"), photo()
    candidates = torch.cat([noisy(reference, sigma) for sigma in (0.05, 0.1)])
    alone = torch.cat([score(candidate[None], reference, colour="luma") for candidate in candidates])
    torch.testing.assert_close(metric.score(candidates, metric.prepare(reference)), alone)


def test_a_border_that_leaves_nothing_is_refused() -> None:
    small = photo()[..., :8, :]
    with pytest.raises(ImageError, match="at least 9×9"):
        score(small, small, crop_border=4)
    with pytest.raises(ComponentError, match="negative"):
        PSNR(crop_border=-1)
