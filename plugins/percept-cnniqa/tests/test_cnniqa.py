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
from percept.errors import ComponentError, DataError, ImageError, InputError
from percept.images import read_image
from percept_cnniqa import cnniqa, percept_assessors, percept_fidelity_losses
from percept_cnniqa.cnniqa import CNNIQA, extremes, normalised, patches_of
from PIL import Image
from scipy.signal import convolve2d
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional

PHOTOS: Any = skimage.data  # it has no types
DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
LIVE, RATED = DATA / "weights" / "cnniqa-live.pth", DATA / "rated" / "live-subset"
SHAPES = {"conv1": (50, 1, 7, 7), "fc1": (800, 100), "fc2": (800, 800), "fc3": (1, 800)}

with_weights = pytest.mark.skipif(not LIVE.is_file(), reason="the published weights are not in the shared data")


def photo(name: str = "chelsea", height: int = 192, width: int = 192) -> Tensor:
    image = torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy())
    return image.permute(2, 0, 1)[None].float() / 255


def noise(image: Tensor, sigma: float = 0.05) -> Tensor:
    return sigma * torch.randn(image.shape, generator=torch.Generator().manual_seed(0)).to(image)


def blurred(image: Tensor, size: int) -> Tensor:
    return functional.avg_pool2d(functional.pad(image, (size // 2,) * 4, mode="reflect"), size, stride=1)


def random_weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    layers = {name: torch.randn(shape) / shape[-1] ** 0.5 for name, shape in SHAPES.items()}
    biases = {f"{name}.bias": 0.1 * torch.randn(shape[0]) for name, shape in SHAPES.items()}
    return {**{f"{name}.weight": value for name, value in layers.items()}, **biases}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(random_weights(), path)
    return str(path)


def gradient(metric: CNNIQA, images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    (found,) = torch.autograd.grad(metric(images, images).sum(), images)
    return found


def in_numpy(path: Path, found: dict[str, Tensor]) -> float:
    """The published code's arithmetic in a loop over patches, by PIL, numpy and scipy; every whole patch counts."""
    layers = {name: value.double().numpy() for name, value in found.items()}
    gray = np.array(Image.open(path).convert("L")) / 255
    ratings = []
    for top in range(0, gray.shape[0] - 31, 32):
        for left in range(0, gray.shape[1] - 31, 32):
            patch = gray[top : top + 32, left : left + 32]
            mean, square = (convolve2d(p, np.full((3, 3), 1 / 9), "same", "symm") for p in (patch, patch**2))
            patch = (patch - mean) / (np.sqrt(np.maximum(square - mean**2, 0)) + 1)
            kernels = layers["conv1.weight"][:, 0, ::-1, ::-1]
            maps = [convolve2d(patch, k, "valid") + b for k, b in zip(kernels, layers["conv1.bias"], strict=True)]
            values = np.array([m.max() for m in maps] + [m.min() for m in maps])
            for name in ("fc1", "fc2"):
                values = np.maximum(layers[f"{name}.weight"] @ values + layers[f"{name}.bias"], 0)
            ratings.append((layers["fc3.weight"] @ values + layers["fc3.bias"]).item())
    return float(np.mean(ratings))


def test_it_is_the_published_arithmetic(weights: str, tmp_path: Path) -> None:
    Image.fromarray(PHOTOS.coffee()[:100, :130]).save(tmp_path / "photo.png")
    found = CNNIQA(weights).score(read_image(tmp_path / "photo.png")[None])
    # PIL's weights of R, G and B have 16 bits: one level in some thousand is another.
    assert found.item() == pytest.approx(in_numpy(tmp_path / "photo.png", random_weights()), rel=2e-4)


@with_weights
@pytest.mark.skipif(not RATED.is_dir(), reason="the rated images are not in the shared data")
@pytest.mark.parametrize("rounded", [True, False])
def test_images_of_its_training_data_have_about_the_scores_that_people_gave(rounded: bool) -> None:
    # By rank and by value: no other range of gray levels or window has both. It says nothing of unseen images.
    with (RATED / "dmos.csv").open() as file:
        rows = list(csv.DictReader(file))
    metric, people = CNNIQA(str(LIVE), rounded=rounded), [float(row["dmos_realigned"]) for row in rows]
    scores = [metric.score(read_image(RATED / row["image"])[None]).item() for row in rows]
    assert spearmanr(scores, people)[0] > 0.98
    assert np.abs(np.subtract(scores, people)).mean() < 4.5


@with_weights
@pytest.mark.parametrize("name", ["chelsea", "coffee", "astronaut"])
def test_more_noise_and_more_blur_score_worse(name: str) -> None:
    metric, image = CNNIQA(str(LIVE)), photo(name, 256, 256)
    noisy = torch.cat([(image + noise(image, sigma)).clamp(0, 1) for sigma in (0, 0.02, 0.05, 0.1, 0.2)])
    blurry = torch.cat([blurred(image, size) for size in (1, 3, 5, 7, 9)])
    for ladder in (noisy, blurry):
        scores = metric.score(ladder)
        assert (scores.diff() > 0).all()
        assert scores[-1] > 55


@with_weights
def test_the_gradient_agrees_with_central_differences() -> None:
    metric = CNNIQA(str(LIVE), rounded=False)
    image = 0.1 + 0.8 * photo().double() + noise(photo().double())
    found = gradient(metric, image)
    for direction in (found / found.square().mean().sqrt(), found.sign(), noise(image, 1.0), image - image.mean()):
        ahead, behind = (metric(image + step * direction, image).item() for step in (1e-8, -1e-8))
        told = (found * direction).sum().item()
        assert (ahead - behind) / 2e-8 == pytest.approx(told, rel=1e-5, abs=1e-3)


@with_weights
def test_descending_the_loss_satisfies_the_assessor_beyond_all_photographs() -> None:
    loss, judge, image = CNNIQA(str(LIVE), rounded=False), CNNIQA(str(LIVE)), photo()
    found = image.clone().requires_grad_()
    optimizer = torch.optim.Adam([found], 1e-3)
    for _ in range(30):
        optimizer.zero_grad()
        loss(found, image).sum().backward()
        optimizer.step()
    assert judge.score(image) > 10
    assert judge.score(found.detach().clamp(0, 1)) < 0
    assert (found.detach() - image).square().mean().sqrt() < 0.02


def test_extremes_have_the_gradient_of_a_convolution() -> None:
    torch.manual_seed(0)
    values = torch.randn(3, 1, 12, 15, dtype=torch.float64, requires_grad=True)
    weight, bias = torch.randn(4, 1, 5, 5, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    maps = functional.conv2d(values, weight, bias).flatten(2)
    expected = torch.cat([maps.amax(-1), maps.amin(-1)], dim=1)
    found, pulls = extremes(values, weight, bias), torch.randn(3, 8, dtype=torch.float64)
    assert torch.equal(found, expected)
    assert torch.equal(extremes(values.detach(), weight, bias), expected)
    gradients = [torch.autograd.grad((pulls * out).sum(), values)[0] for out in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_value_is_the_same_with_a_gradient_and_without(weights: str) -> None:
    metric, images = CNNIQA(weights), torch.cat([photo(), photo("coffee")])
    tracked = metric.score(images.clone().requires_grad_())
    assert tracked.requires_grad
    assert torch.equal(tracked, metric.score(images))


def test_normalised_values_do_not_depend_on_brightness_and_are_0_in_flat_patches() -> None:
    patches = torch.rand(2, 1, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(normalised(patches + 3), normalised(patches), rtol=0, atol=1e-7)
    assert normalised(torch.full((1, 1, 32, 32), 0.5)).abs().max() < 1e-6


def test_patches_are_the_whole_ones_from_the_top_left() -> None:
    gray = torch.arange(70.0 * 100).view(1, 1, 70, 100)
    assert patches_of(gray).shape == (1, 6, 32, 32)
    assert torch.equal(patches_of(gray)[0, 4], gray[0, 0, 32:64, 32:64])
    assert patches_of(gray, 16).shape == (1, 3 * 5, 32, 32)
    assert torch.equal(patches_of(gray, 16)[0, 6], gray[0, 0, 16:48, 16:48])


def test_a_score_is_the_mean_of_patches_and_the_rest_is_not_looked_at(weights: str) -> None:
    metric, image = CNNIQA(weights), photo(height=64, width=96)
    patches = torch.cat([tile for row in image.split(32, -2) for tile in row.split(32, -1)])
    torch.testing.assert_close(metric.score(image), metric.score(patches).mean()[None])
    wider = functional.pad(image, (0, 31, 0, 31), value=1.0)
    torch.testing.assert_close(metric.score(wider), metric.score(image))
    assert not gradient(metric, wider)[..., 64:, :].any()


def test_many_patches_are_rated_in_parts(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    metric, images = CNNIQA(weights, stride=16), torch.cat([photo(), photo("coffee")])
    monkeypatch.setattr(cnniqa, "TOGETHER", 10_000)
    at_once, pulled = metric.score(images), gradient(metric, images)
    monkeypatch.setattr(cnniqa, "TOGETHER", 7)
    torch.testing.assert_close(metric.score(images), at_once)
    torch.testing.assert_close(gradient(metric, images), pulled, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_on_flat_and_saturated_images(weights: str, dtype: torch.dtype) -> None:
    half = photo()
    half[..., :100] = 0.4
    flat = [torch.full_like(half, grey) for grey in (0.0, 0.3, 1.0)]
    found = gradient(CNNIQA(weights, rounded=False), torch.cat([half, *flat, (photo() > 0.5).float()]).to(dtype))
    assert found.isfinite().all()
    assert found.dtype == dtype


def test_rounding_lets_the_gradient_through(weights: str) -> None:
    image = photo() + noise(photo())
    rounded, exact = (gradient(CNNIQA(weights, rounded=rounded), image) for rounded in (True, False))
    assert torch.cosine_similarity(rounded.flatten(), exact.flatten(), dim=0) > 0.8


def test_the_network_is_the_papers_and_is_not_trained(weights: str) -> None:
    metric = CNNIQA(weights)
    assert sum(parameter.numel() for parameter in metric.parameters()) == 724_901  # the paper: about 7.2e5
    assert not any(parameter.requires_grad for parameter in metric.parameters())


def test_images_and_strides_that_it_cannot_take_are_refused(weights: str) -> None:
    with pytest.raises(ImageError, match="cnniqa needs at least 32×32 pixels, this image has 40×31"):
        CNNIQA(weights).score(torch.rand(1, 3, 31, 40))
    with pytest.raises(ImageError, match="cnniqa takes"):
        CNNIQA(weights)(torch.rand(1, 1, 40, 40), torch.rand(1, 1, 40, 40))
    with pytest.raises(ComponentError, match="stride 0 is not offered; use 1 or more"):
        CNNIQA(weights, stride=0)


def test_it_says_what_weights_it_needs() -> None:
    with pytest.raises(
        DataError, match="cnniqa needs `weights`, a trained network such as models/CNNIQA-LIVE"
    ) as error:
        CNNIQA()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("absent", "no such checkpoint"),
        ("folder", "no such checkpoint"),
        ("text", "not a checkpoint that can be read|refused"),
        ("empty", "not a checkpoint that can be read"),
        ("list", "holds a list"),
        ("colour", r"conv1.weight is \(50, 3, 7, 7\), the network's is \(50, 1, 7, 7\)"),
        ("half", r"fc3.bias \(1,\) is absent"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, spoil: str, says: str) -> None:
    path, good = tmp_path / "some.pth", random_weights()
    if spoil == "folder":
        path.mkdir()
    elif spoil in ("text", "empty"):
        path.write_text("no archive" if spoil == "text" else "")
    elif spoil == "list":
        torch.save([1, 2], path)
    elif spoil == "colour":
        torch.save({**good, "conv1.weight": torch.zeros(50, 3, 7, 7)}, path)
    elif spoil == "half":
        torch.save({name: value for name, value in good.items() if name != "fc3.bias"}, path)
    with pytest.raises((DataError, InputError), match=says) as error:
        CNNIQA(str(path))
    assert "\n" not in str(error.value)
    assert "some.pth" in str(error.value)


def test_both_lives_are_offered() -> None:
    (assessor,), (loss,) = percept_assessors(), percept_fidelity_losses()
    assert (assessor.direction, assessor.reference, loss.reference) == ("lower", "none", "none")
    assert dict(loss.arguments) == {"rounded": False}
    assert not assessor.weights[0].commercial


def test_spec_is_light() -> None:
    code = "import percept_cnniqa, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
