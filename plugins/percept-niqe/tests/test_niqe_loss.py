from __future__ import annotations

from typing import Any

import pytest
import skimage.data
import torch
from percept.errors import ImageError
from percept_niqe import percept_assessors, percept_fidelity_losses
from percept_niqe.model import load_model
from percept_niqe.niqe import NIQE, distance
from percept_niqe.scenes import asymmetric_gaussian, gray_levels, shape_ratios
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types


def photo(name: str = "chelsea", height: int = 192, width: int = 192) -> Tensor:
    image = torch.from_numpy(getattr(PHOTOS, name)()[:height, :width].copy())
    return image.permute(2, 0, 1)[None].float() / 255


def noise(image: Tensor, sigma: float = 0.05, seed: int = 0) -> Tensor:
    return sigma * torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image)


def gradient(niqe: NIQE, images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    (found,) = torch.autograd.grad(niqe(images, images).sum(), images)
    return found


def slope(niqe: NIQE, image: Tensor, direction: Tensor, step: float) -> float:
    ahead, behind = (niqe(image + signed * direction, image) for signed in (step, -step))
    return (ahead - behind).item() / (2 * step)


@pytest.mark.parametrize("rounded", [True, False])
def test_the_value_is_the_same_to_the_last_bit_with_a_gradient_and_without(rounded: bool) -> None:
    niqe = NIQE(rounded=rounded)
    half = photo()
    half[..., :96, :] = 0.5
    images = torch.cat([photo(), photo("coffee"), half, torch.zeros(1, 3, 192, 192)])
    tracked = niqe.score(images.clone().requires_grad_())
    assert tracked.requires_grad
    assert torch.equal(tracked, niqe.score(images))
    with torch.no_grad():
        assert not niqe.score(images.clone().requires_grad_()).requires_grad


def test_the_gradient_agrees_with_central_differences() -> None:
    niqe, image = NIQE(rounded=False), 0.1 + 0.8 * photo().double()
    image += noise(image)
    found = gradient(niqe, image)
    itself = found / found.square().mean().sqrt()
    for direction in (itself, found.sign(), noise(image, 1.0, seed=1), image - image.mean()):
        told = (found * direction).sum().item()
        assert slope(niqe, image, direction, 1e-8) == pytest.approx(told, rel=1e-5, abs=1e-4)


def test_steps_of_the_counts_average_out() -> None:
    # A sample that crosses 0 changes how many are on its side, by a step that no gradient tells.
    niqe, image = NIQE(rounded=False), 0.1 + 0.8 * photo("coffee").double()
    image += noise(image, 0.02)
    found = gradient(niqe, image)
    directions = [noise(image, 1.0, seed) for seed in range(1, 21)]
    told = torch.tensor([(found * direction).sum().item() for direction in directions])
    seen = torch.tensor([slope(niqe, image, direction, 1e-3) for direction in directions])
    assert torch.corrcoef(torch.stack([told, seen]))[0, 1] > 0.6
    assert (told @ seen / (told @ told)).item() == pytest.approx(1, abs=0.4)


def test_rounding_lets_the_gradient_through() -> None:
    image = photo() + noise(photo())
    rounded, exact = (gradient(NIQE(rounded=rounded), image.clamp(0, 1)) for rounded in (True, False))
    assert torch.cosine_similarity(rounded.flatten(), exact.flatten(), dim=0) > 0.8


def test_gray_is_rounded_or_not() -> None:
    image = photo()
    exact = gray_levels(image, rounded=False)
    assert (exact - gray_levels(image)).abs().max() <= 0.51
    assert (exact != exact.round()).any()


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_the_fit_passes_gradcheck(scale: float) -> None:
    torch.manual_seed(0)
    samples = torch.randn(4, 60, dtype=torch.float64).sign() * (0.1 + torch.rand(4, 60, dtype=torch.float64) ** 3)
    samples = torch.where(samples < 0, scale * samples, samples).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: asymmetric_gaussian(s, shape_ratios(), rounded=False), samples)


def test_the_slope_of_the_shape_is_that_of_the_implicit_function() -> None:
    torch.manual_seed(0)
    samples = torch.randn(4, 500, dtype=torch.float64) ** torch.tensor([[1.0], [3], [1], [3]])
    samples = samples.requires_grad_()
    for rounded in (True, False):
        shape, *_ = asymmetric_gaussian(samples, shape_ratios(), rounded=rounded)
        (found,) = torch.autograd.grad(shape.sum(), samples)
        wanted = wanted_ratio(samples)
        inverse = 1 / shape.detach()
        ratio = torch.exp(2 * torch.lgamma(2 * inverse) - torch.lgamma(inverse) - torch.lgamma(3 * inverse))
        bend = torch.digamma(inverse) + 3 * torch.digamma(3 * inverse) - 4 * torch.digamma(2 * inverse)
        (expected,) = torch.autograd.grad((wanted / (ratio * bend * inverse.square())).sum(), samples)
        assert (found - expected).abs().max() < 2e-3 * expected.abs().max()


def wanted_ratio(samples: Tensor) -> Tensor:
    """Equations 11 to 13, by autograd."""
    left, right = (((samples * side).square().sum(-1) / side.sum(-1)).sqrt() for side in (samples < 0, samples > 0))
    skew = left / right
    ratio = samples.abs().mean(-1).square() / samples.square().mean(-1)
    return ratio * (skew**3 + 1) * (skew + 1) / (skew.square() + 1).square()


def test_rows_without_one_side_have_finite_gradients_in_all_that_is_known() -> None:
    samples = torch.stack([torch.zeros(50), torch.rand(50), -torch.rand(50), torch.randn(50)]).double().requires_grad_()
    shape, left, right = asymmetric_gaussian(samples, shape_ratios(), rounded=False)
    total = sum(part[~part.isnan()].sum() for part in (shape, left, right))
    (found,) = torch.autograd.grad(total, samples)
    assert found.isfinite().all()
    assert [bool(row.abs().sum() > 0) for row in found] == [False, True, True, True]


def test_the_distance_passes_gradcheck_with_blocks_that_are_not_known() -> None:
    model = load_model()
    torch.manual_seed(0)
    spread = torch.linalg.cholesky(model.covariance)
    features = model.mean + torch.randn(6, 36, dtype=torch.float64) @ spread.mT
    unknown = torch.zeros(6, 36, dtype=torch.bool)
    unknown[2, 3:9], unknown[4, 35] = True, True

    def known(values: Tensor) -> Tensor:
        return distance(values.masked_fill(unknown, torch.nan), *model)

    assert torch.autograd.gradcheck(known, features.requires_grad_(), eps=1e-6, rtol=1e-4, atol=1e-3)
    assert torch.autograd.gradcheck(lambda values: distance(values, *model), features, eps=1e-6, rtol=1e-4, atol=1e-3)


def test_a_distance_of_zero_has_no_gradient() -> None:
    model = load_model()
    features = model.mean.repeat(3, 1).requires_grad_()
    value = distance(features, *model)
    (found,) = torch.autograd.grad(value, features)
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert found.isfinite().all()


@pytest.mark.parametrize("rounded", [True, False])
def test_gradients_are_finite_and_leave_flat_areas_alone(rounded: bool) -> None:
    half, dot = photo(), torch.zeros(1, 3, 192, 192)
    half[..., :100] = 0.4
    dot[..., 70, 90] = 1
    images = torch.cat([half, dot, torch.full_like(dot, 0.3), torch.ones_like(dot), (photo() > 0.5).float()])
    found = gradient(NIQE(rounded=rounded), images)
    assert found.isfinite().all()
    assert not found[0, ..., :80].any()
    assert found[0, ..., 110:].abs().sum() > 0
    assert not found[2:4].any()


def test_what_lies_beyond_whole_blocks_has_no_gradient() -> None:
    found = gradient(NIQE(rounded=False), photo(height=240, width=200))
    assert not found[..., 192:, :].any()
    assert not found[..., 192:].any()
    assert (found[..., :192, :192] != 0).float().mean() > 0.9


@pytest.mark.parametrize("start", ["noisy", "blurred"])
def test_descending_the_loss_satisfies_the_assessor(start: str) -> None:
    image = photo()
    spoilt = image + noise(image) if start == "noisy" else torch.nn.functional.avg_pool2d(image, 5, 1, 2)
    loss, judge = NIQE(rounded=False), NIQE()
    found = spoilt.clone().requires_grad_()
    optimizer = torch.optim.Adam([found], 1e-3)
    for _ in range(30):
        optimizer.zero_grad()
        loss(found, image).sum().backward()
        optimizer.step()
    before, after = (judge.score(tensor.detach().clamp(0, 1)).item() for tensor in (spoilt, found))
    assert after < before / 2
    assert (found.detach() - spoilt).square().mean().sqrt() < 0.02  # the picture is what it was, to the eye


def test_the_loss_refuses_what_the_assessor_refuses() -> None:
    with pytest.raises(ImageError, match="niqe needs at least 192×192 pixels"):
        NIQE()(photo(height=191), photo(height=191))


def test_both_lives_are_offered_and_il_niqe_has_one() -> None:
    assert [spec.name for spec in percept_assessors() if spec.differentiable] == ["niqe"]
    (loss,) = percept_fidelity_losses()
    assert (loss.name, loss.reference, dict(loss.arguments)) == ("niqe", "none", {"rounded": False})
