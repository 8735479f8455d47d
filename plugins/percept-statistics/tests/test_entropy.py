from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import skimage.data
import skimage.measure
import torch
from percept.errors import ImageError
from percept.images import read_image
from percept_statistics.entropy import Entropy
from torch import Tensor

PHOTOS: Any = skimage.data  # they have no types
MEASURE: Any = skimage.measure
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLE = DATA / "oracles" / "iqa-pytorch-calibration"


def score(images: Tensor) -> Tensor:
    return Entropy().score(images)


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_statistics; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the official scores are not in the shared data")
@pytest.mark.parametrize("image", ["I03.bmp", "I04.bmp", "I06.bmp", "I08.bmp", "I19.bmp"])
def test_matlabs_scores(image: str) -> None:
    with (ORACLE / "results_official.csv").open() as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "entropy")
    found = score(read_image(ORACLE / "dist_dir" / image)[None])
    assert found.item() == pytest.approx(float(official[image]), abs=5e-5)


def test_a_grey_photograph_agrees_with_scikit_image() -> None:
    gray = PHOTOS.camera()
    image = torch.from_numpy(gray.copy()).expand(1, 3, -1, -1).double() / 255
    assert score(image).item() == pytest.approx(MEASURE.shannon_entropy(gray), abs=1e-12)


@pytest.mark.parametrize(("count", "bits"), [(1, 0.0), (2, 1.0), (16, 4.0), (256, 8.0)])
def test_equal_shares_have_whole_bits(count: int, bits: float) -> None:
    gray = torch.arange(256).view(1, 1, 16, 16) % count / 255
    assert score(gray.expand(2, 3, -1, -1)).tolist() == pytest.approx([bits, bits], abs=1e-6)


def test_images_of_a_batch_have_histograms_of_their_own() -> None:
    images = torch.rand(3, 3, 20, 30, generator=torch.Generator().manual_seed(0)) ** torch.tensor([1, 3, 9]).view(
        3, 1, 1, 1
    )
    assert torch.equal(score(images), torch.cat([score(image[None]) for image in images]))


def test_what_is_out_of_range_counts_as_its_bound() -> None:
    image = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0)) * 3 - 1
    assert torch.equal(score(image), score(image.clamp(0, 1)))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ImageError, match="entropy takes"):
        score(torch.zeros(3, 8, 8))
