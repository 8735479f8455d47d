from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import skimage.data
import torch
from percept.errors import ImageError
from percept.images import read_image
from percept_degradations.imresize import imresize, imresize_uint8, weights_of
from torch import Tensor

DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
PHOTOS: Any = skimage.data  # it has no types
SET5 = DATA / "photos" / "set5"
NAMES = ("baby", "bird", "butterfly", "head", "woman")


def photo(dtype: torch.dtype = torch.float32) -> Tensor:
    image = torch.from_numpy(PHOTOS.chelsea()[:120, :176].copy()).permute(2, 0, 1)
    return (image[None] / 255).to(dtype)


@pytest.mark.skipif(not SET5.is_dir(), reason="Set5 and its MATLAB inputs are not in the shared test data")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", NAMES)
def test_set5_is_met_bit_for_bit(name: str, scale: int, dtype: torch.dtype) -> None:
    hr = read_image(SET5 / "HR" / f"{name}.png").to(dtype)
    lr = read_image(SET5 / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png").to(dtype)
    height, width = (side // scale * scale for side in hr.shape[-2:])
    small = imresize_uint8(hr[None, :, :height, :width], 1 / scale)[0]
    assert small.shape == lr.shape
    assert (small.mul(255).round() != lr.mul(255).round()).sum() == 0


@pytest.mark.skipif(not SET5.is_dir(), reason="Set5 and its MATLAB inputs are not in the shared test data")
def test_set5_without_rounding_between_the_passes_is_two_levels_away_at_most() -> None:
    hr = read_image(SET5 / "HR" / "butterfly.png")
    lr = read_image(SET5 / "LR_bicubic" / "X2" / "butterflyx2.png")
    away = (imresize(hr, 0.5).clamp(0, 1).mul(255).round() - lr.mul(255).round()).abs()
    assert away.max() == 2
    assert 0.1 < (away > 0).float().mean() < 0.2


@pytest.mark.parametrize(
    ("scale", "of_128"),
    [(2.0, [-9, 111, 29, -3]), (0.5, [-1.5, -4.5, 14.5, 55.5, 55.5, 14.5, -4.5, -1.5])],
)
def test_weights_are_keyss_with_a_of_one_half(scale: float, of_128: list[float]) -> None:
    _, weights = weights_of(32, int(32 * scale), scale, torch.float64, "cpu")
    assert sorted(weights[:, 5].tolist()) == pytest.approx(sorted(w / 128 for w in of_128), abs=1e-15)


@pytest.mark.parametrize("scale", [0.25, 1 / 3, 0.5, 0.7, 1.5, 2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (31, 12)])
def test_any_size_any_scale_keeps_flat_images_flat(shape: tuple[int, int], scale: float) -> None:
    resized = imresize(torch.full((2, 3, *shape), 0.3, dtype=torch.float64), scale)
    assert resized.dtype == torch.float64
    assert (resized - 0.3).abs().max() < 1e-12


def test_symmetric_under_flips_and_transposition() -> None:
    image = photo(torch.float64)
    small = imresize(image, 1 / 3, size=(40, 58))
    assert torch.allclose(imresize(image.flip(-1), 1, size=(40, 58)), small.flip(-1), atol=1e-12)
    assert torch.allclose(imresize(image.flip(-2), 1, size=(40, 58)), small.flip(-2), atol=1e-12)
    assert torch.allclose(imresize(image.mT, 1, size=(58, 40)), small.mT, atol=1e-12)


def test_scale_one_changes_nothing() -> None:
    image = photo()
    assert torch.equal(imresize(image, 1), image)
    assert torch.equal(imresize_uint8(image, 1), image)


def test_gradients_are_those_of_a_linear_map() -> None:
    image = torch.rand(1, 3, 7, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize(x, 0.5), image)
    assert torch.autograd.gradcheck(lambda x: imresize(x, 2), image)


def test_tables_made_in_inference_mode_serve_training() -> None:
    with torch.inference_mode():
        imresize(torch.rand(1, 3, 23, 29), 0.5)
    image = torch.rand(1, 3, 23, 29, requires_grad=True)
    (gradient,) = torch.autograd.grad(imresize(image, 0.5).sum(), image)
    assert gradient.isfinite().all()


def test_an_image_in_a_batch_is_the_image_alone() -> None:
    batch = torch.cat([photo(), photo().flip(-1), photo().flip(-2)])
    assert torch.equal(imresize(batch, 0.5)[1:2], imresize(batch[1:2], 0.5))


@pytest.mark.parametrize(
    ("images", "scale"),
    [(torch.zeros(4), 2), (torch.zeros(4, 4, dtype=torch.uint8), 2), (torch.zeros(4, 0), 2), (torch.zeros(4, 4), 0)],
)
def test_what_cannot_be_resized_is_refused_in_one_line(images: Tensor, scale: float) -> None:
    with pytest.raises(ImageError) as error:
        imresize(images, scale)
    assert "\n" not in str(error.value)
