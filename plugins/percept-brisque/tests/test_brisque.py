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
import torch
from percept.errors import DataError, ImageError
from percept.images import read_image
from percept.testing import Check, parametrize
from percept_brisque.brisque import BRISQUE, features
from percept_brisque.svm import decimals, digits, load_machine
from percept_degradations.imresize import imresize
from percept_niqe.scenes import gaussian_window, gray_levels, shape_ratios
from scipy.ndimage import correlate1d
from scipy.special import gamma
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"
OTHERS, AUTHORS = DATA / "weights" / "brisque_svm.txt", DATA / "weights" / "brisque_allmodel.txt"
SMALL = "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.05\nnr_class 2\ntotal_sv 2\nrho {}\nSV\n3 1:0.5 36:-0.25 \n-2 2:1 \n"


def photo(name: str = "chelsea", height: int = 120, width: int = 131) -> Tensor:
    image = torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy())
    return image.permute(2, 0, 1)[None].double() / 255


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "model").write_text(SMALL.format("-153.591"))
    return str(tmp_path / "model")


def in_numpy(gray: np.ndarray) -> list[float]:
    """Table I of the paper, with scipy's convolutions and Γ, and the authors' search of the table of shapes."""
    shapes = 0.2 + 0.001 * np.arange(9801)
    ratios = gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))
    taps = np.exp(-(np.arange(-3.0, 4.0) ** 2) / (2 * (7 / 6) ** 2))
    taps /= taps.sum()
    found = []
    for level in (gray, imresize(torch.from_numpy(gray), 0.5).numpy()):
        mean, square = (
            correlate1d(correlate1d(m, taps, 0, mode="constant"), taps, 1, mode="constant") for m in (level, level**2)
        )
        values = (level - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)
        own = np.mean(values**2) / np.mean(np.abs(values)) ** 2
        found += [shapes[np.argmin(np.abs(own - 1 / ratios))], np.mean(values**2)]
        for shift in ((0, 1), (1, 0), (1, 1), (-1, 1)):
            pairs = values * np.roll(values, shift, (0, 1))
            left, right = (np.sqrt(np.mean(pairs[side] ** 2)) for side in (pairs < 0, pairs > 0))
            skew, ratio = left / right, np.mean(np.abs(pairs)) ** 2 / np.mean(pairs**2)
            a = shapes[np.argmin((ratios - ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2) ** 2)]
            mean = (right - left) * gamma(2 / a) / gamma(1 / a) * np.sqrt(gamma(1 / a) / gamma(3 / a))
            found += [a, mean, left**2, right**2]
    return found


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_brisque; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(
    not (ORACLE.is_dir() and AUTHORS.is_file()), reason="the authors' allmodel is not in the shared data"
)
@pytest.mark.parametrize(("image", "flat"), [("I03", 2e-3), ("I04", 6e-7), ("I06", 2e-3), ("I08", 0.6), ("I19", 2.2)])
def test_the_authors_model_gives_the_authors_scores(image: str, flat: float) -> None:
    # I04 has no flat areas; elsewhere the authors' scores follow from the signs of rounding errors there.
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "brisque")
    found = BRISQUE(str(AUTHORS)).score(read_image(ORACLE / "dist_dir" / f"{image}.bmp")[None].double())
    assert found.item() == pytest.approx(float(official[f"{image}.bmp"]), abs=flat)


@pytest.mark.skipif(not OTHERS.is_file(), reason="the parameters are not in the shared data")
@parametrize("brisque", model=str(OTHERS))
def test_conformance(check: Check) -> None:
    check.run()


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("height", [120, 133])
def test_features_of_photographs_agree_with_the_textbook(name: str, height: int) -> None:
    gray = gray_levels(photo(name, height))[0]
    found = features(gray, gaussian_window(), shape_ratios())
    np.testing.assert_allclose(found.numpy(), in_numpy(gray.numpy()), rtol=1e-9, atol=1e-11)


def test_the_machine_is_the_sum_of_its_vectors(model: str) -> None:
    image = photo()
    low, high = load_machine(model).ranges
    found = features(gray_levels(image)[0], gaussian_window(), shape_ratios())
    scaled = [float(f"{2 * (float(f'{f:f}') - a) / (b - a) - 1:g}") for f, a, b in zip(found, low, high, strict=True)]
    first, second = np.array(scaled), np.array(scaled)
    first[[0, 35]] -= 0.5, -0.25
    second[1] -= 1
    expected = 3 * np.exp(-0.05 * (first**2).sum()) - 2 * np.exp(-0.05 * (second**2).sum()) + 153.591
    assert BRISQUE(model).score(image).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 1e-12, -0.00012345678, 0.99999951, -1.23456789, 10.0000049])
def test_numbers_are_rounded_as_the_authors_text_files_are(value: float) -> None:
    number = torch.tensor(value, dtype=torch.float64)
    assert decimals(number).item() == pytest.approx(float(f"{value:f}"), abs=1e-15)
    assert digits(number).item() == pytest.approx(float(f"{value:g}"), rel=1e-14)


@pytest.mark.parametrize(("rho", "first"), [("-153.591", 0.338), ("-155.845", 0.336999)])
def test_published_models_know_their_ranges(tmp_path: Path, rho: str, first: float) -> None:
    (tmp_path / "model").write_text(SMALL.format(rho))
    assert load_machine(str(tmp_path / "model")).ranges[0, 0].item() == first


def test_other_models_need_theirs(tmp_path: Path) -> None:
    (tmp_path / "model").write_text(SMALL.format("-1.5"))
    with pytest.raises(DataError, match="give `ranges`"):
        BRISQUE(str(tmp_path / "model"))
    (tmp_path / "ranges").write_text("x\n-1 1\n" + "".join(f"{i} -{i} {i}\n" for i in range(1, 37)))
    machine = load_machine(str(tmp_path / "model"), str(tmp_path / "ranges"))
    assert machine.ranges[:, 35].tolist() == [-36, 36]


def test_flat_images_have_finite_scores(model: str) -> None:
    images = torch.cat([torch.full((1, 3, 20, 20), value) for value in (0.0, 0.5, 1.0)])
    assert BRISQUE(model).score(images).isfinite().all()


def test_an_image_in_a_batch_is_the_image_alone(model: str) -> None:
    metric, images = BRISQUE(model), torch.cat([photo("chelsea"), photo("coffee")])
    assert torch.equal(metric.score(images), torch.cat([metric.score(image[None]) for image in images]))


def test_without_a_model_one_line_says_what_to_give() -> None:
    with pytest.raises(DataError, match="brisque needs `model`, the LIBSVM file") as error:
        BRISQUE()
    assert "\n" not in str(error.value)


def test_it_takes_14_pixels_and_refuses_13(model: str) -> None:
    assert BRISQUE(model).score(photo(height=14, width=15)).isfinite().all()
    with pytest.raises(ImageError, match="brisque needs at least 14×14"):
        BRISQUE(model).score(photo(height=13, width=15))


GOOD = SMALL.format("-153.591")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no model",
        GOOD.replace("rbf", "linear"),
        GOOD.replace("gamma 0.05\n", ""),
        GOOD.replace("1:0.5", "0:0.5"),
        GOOD + "1 37:0\n",
        GOOD.split("3 1:")[0],
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "model").write_text(text)
    with pytest.raises(DataError, match="model: ") as error:
        BRISQUE(str(tmp_path / "model"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "x\n0 1\n", "x\n-1 1\n1 0 1\n", "x\n-1 1\n" + "".join(f"{i} 0 0\n" for i in range(1, 37))]
)
def test_other_ranges_are_refused_in_one_line(tmp_path: Path, model: str, text: str) -> None:
    (tmp_path / "ranges").write_text(text)
    for path in (tmp_path / "ranges", tmp_path / "absent", tmp_path):
        with pytest.raises(DataError) as error:
            BRISQUE(model, str(path))
        assert "\n" not in str(error.value)
