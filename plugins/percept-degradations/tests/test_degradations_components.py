from __future__ import annotations

import itertools
import subprocess
import sys
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept.errors import ComponentError, ImageError
from percept_degradations.degrade import Bicubic, GaussianNoise, Jpeg
from percept_degradations.generator import Bicubic as BicubicGenerator
from percept_degradations.ladder import LADDERS, Ladder
from percept_degradations.same_size import Contrast, Downscaling, GaussianBlur, WhiteNoise
from PIL import Image
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photos(height: int = 96, width: int = 144) -> Tensor:
    both = [PHOTOS.astronaut()[:height, :width], PHOTOS.coffee()[:height, :width]]
    return torch.from_numpy(np.stack(both)).permute(0, 3, 1, 2).float() / 255


def psnr(one: Tensor, other: Tensor) -> float:
    return float(-10 * (one - other).square().mean().log10())


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_degradations; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_bicubic_gives_8_bit_levels_of_a_smaller_image(scale: int) -> None:
    small = Bicubic(scale=scale)(photos())
    assert small.shape == (2, 3, 96 // scale, 144 // scale)
    assert torch.equal(small, small.mul(255).round() / 255)
    assert psnr(small, Bicubic(scale=scale, quantize=False)(photos())) > 50


def test_bicubic_refuses_sizes_that_are_no_multiple() -> None:
    with pytest.raises(ImageError, match="144×95 is no multiple of scale 2"):
        Bicubic(scale=2)(photos(95))


def test_bicubic_rounds_what_was_not_8_bit_before() -> None:
    target = photos() + 0.3 / 255
    assert torch.equal(Bicubic(scale=2)(target), Bicubic(scale=2)(photos()))


def test_noise_has_its_sigma_and_is_not_clamped() -> None:
    target = photos()
    noise = GaussianNoise(sigma=25)(target, generator(0)) - target
    assert noise.std() * 255 == pytest.approx(25, rel=0.02)
    assert noise.mean() * 255 == pytest.approx(0, abs=0.3)
    assert GaussianNoise(sigma=50)(target, generator(0)).min() < 0
    clipped = GaussianNoise(sigma=50, clip=True)(target, generator(0))
    assert clipped.min() == 0
    assert clipped.max() == 1


def test_noise_of_a_batch_is_that_of_its_images_one_by_one() -> None:
    target = photos(37, 41)
    degrade, one_by_one = GaussianNoise(), generator(3)
    alone = torch.cat([degrade(image[None], one_by_one) for image in target])
    assert torch.equal(degrade(target, generator(3)), alone)
    assert not torch.equal(degrade(target, generator(4)), alone)


def test_noise_without_a_generator_draws_from_torchs_own() -> None:
    target = photos()
    torch.manual_seed(5)
    first = GaussianNoise()(target)
    torch.manual_seed(5)
    assert torch.equal(GaussianNoise()(target), first)
    assert not torch.equal(GaussianNoise()(target), first)


def test_noise_is_the_same_in_double_precision() -> None:
    double = GaussianNoise()(photos().double(), generator(1))
    assert double.dtype == torch.float64
    assert torch.allclose(double.float(), GaussianNoise()(photos(), generator(1)), atol=1e-6)


def test_jpeg_is_what_pillow_writes_and_reads() -> None:
    file = BytesIO()
    Image.fromarray(PHOTOS.astronaut()[:96, :144]).save(file, "JPEG", quality=30, subsampling="4:2:0")
    assert np.array_equal(Jpeg(quality=30)(photos())[0].mul(255).round().permute(1, 2, 0), np.array(Image.open(file)))


def test_jpeg_loses_more_at_lower_quality_and_with_coarser_chroma() -> None:
    target = photos()
    by_quality = [psnr(Jpeg(quality=quality)(target), target) for quality in (10, 30, 60, 95)]
    assert by_quality == sorted(by_quality)
    by_chroma = [psnr(Jpeg(quality=90, subsampling=s)(target), target) for s in ("4:2:0", "4:2:2", "4:4:4")]
    assert by_chroma == sorted(by_chroma)


def test_jpeg_takes_odd_sizes_doubles_and_values_beyond_the_range() -> None:
    target = photos(35, 51).double() * 1.2 - 0.1
    degraded = Jpeg()(target)
    assert degraded.dtype == torch.float64
    assert degraded.shape == target.shape
    assert torch.equal(degraded, Jpeg()(target.clamp(0, 1)))


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_the_generator_enlarges_without_parameters(scale: int) -> None:
    network = BicubicGenerator(scale=scale)
    assert list(network.parameters()) == []
    assert network(photos(13, 17)).shape == (2, 3, 13 * scale, 17 * scale)


def test_the_generator_restores_a_photograph_better_than_repetition() -> None:
    target = photos()
    small = Bicubic(scale=2)(target)
    repeated = small.repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert psnr(BicubicGenerator(scale=2)(small), target) > psnr(repeated, target) + 1


@pytest.mark.parametrize("component", [Bicubic(2), GaussianNoise(), Jpeg(), BicubicGenerator(2)])
def test_one_image_without_a_batch_is_refused(component: Any) -> None:
    with pytest.raises(ImageError, match="takes"):
        component(photos()[0])


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (Bicubic, {"scale": 0}),
        (BicubicGenerator, {"scale": 0}),
        (GaussianNoise, {"sigma": -1}),
        (GaussianNoise, {"sigma": float("nan")}),
        (Jpeg, {"quality": 0}),
        (Jpeg, {"quality": 101}),
        (Jpeg, {"subsampling": "4:1:1"}),
    ],
)
def test_parameters_out_of_range_are_refused_in_one_line(build: Any, parameters: dict[str, Any]) -> None:
    with pytest.raises(ComponentError) as error:
        build(**parameters)
    assert "\n" not in str(error.value)


def test_bicubic_keeps_gradients_where_it_does_not_quantize() -> None:
    target = photos().requires_grad_()
    (gradient,) = torch.autograd.grad(Bicubic(2, quantize=False)(target).sum(), target)
    assert gradient.abs().sum() > 0


def test_blur_equals_scipys_gaussian_filter() -> None:
    from scipy.ndimage import gaussian_filter

    target = photos().double()
    expected = gaussian_filter(target.numpy(), (0, 0, 1.5, 1.5), mode="mirror", truncate=4)
    np.testing.assert_allclose(GaussianBlur(1.5)(target).numpy(), expected, atol=1e-6)


def test_contrast_keeps_the_mean_and_scales_the_deviation() -> None:
    target = 0.25 + photos() / 2
    changed = Contrast(0.5)(target)
    torch.testing.assert_close(changed.mean((1, 2, 3)), target.mean((1, 2, 3)))
    torch.testing.assert_close(changed.std((1, 2, 3)), target.std((1, 2, 3)) / 2)


def test_downscaling_by_one_changes_nothing_and_more_takes_detail_away() -> None:
    torch.testing.assert_close(Downscaling(1)(photos()), photos())
    errors = [psnr(Downscaling(factor)(photos()), photos()) for factor in (1.5, 2.0, 3.0, 7.0)]
    assert errors == sorted(errors, reverse=True)


def test_white_noise_holds_nothing_of_the_target() -> None:
    first, second = WhiteNoise()(photos(), generator(0)), WhiteNoise()(1 - photos(), generator(0))
    assert torch.equal(first, second)
    assert abs(first.mean() - 0.5) < 0.01
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("distortion", list(LADDERS))
def test_each_level_is_further_from_the_target(distortion: Any) -> None:
    distances = [
        (Ladder(distortion, level)(photos(), generator(0)) - photos()).square().mean() for level in range(1, 6)
    ]
    assert all(a < b for a, b in itertools.pairwise(distances))


@pytest.mark.parametrize(
    "build",
    [
        lambda: GaussianBlur(0),
        lambda: Contrast(-1),
        lambda: Downscaling(0.5),
        lambda: Ladder("noise", 6),
        lambda: Ladder("fog"),  # type: ignore[arg-type]  # that is what is tested
    ],
)
def test_parameters_out_of_range_are_refused(build: Any) -> None:
    with pytest.raises(ComponentError):
        build()
