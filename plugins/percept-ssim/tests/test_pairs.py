from __future__ import annotations

import pytest
import torch
from percept.primitives import gaussian
from percept_ssim.moments import dissimilarity, mean_dissimilarity, moments
from percept_ssim.pairs import mean_of_pair
from torch import Tensor

WINDOW = gaussian(11, 1.5)


def pair(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    reference, other = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return (0.8 * reference + 0.2 * other).requires_grad_(), reference


def by_autograd(planes: Tensor, reference: Tensor, luminance: bool) -> Tensor:
    return dissimilarity(planes, moments(reference, WINDOW, luminance=luminance), WINDOW).mean((-2, -1))


@pytest.mark.parametrize("luminance", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 11, 11), (2, 3, 24, 31), (1, 2, 300, 260), (40, 3, 48, 48)])
def test_values_and_gradients_are_those_of_autograd(shape: tuple[int, ...], luminance: bool) -> None:
    planes, reference = pair(*shape)
    weights = torch.rand(shape[:2], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = mean_of_pair(planes, reference, WINDOW, luminance=luminance)
    expected = by_autograd(planes, reference, luminance)
    torch.testing.assert_close(values, expected, rtol=1e-9, atol=1e-9)
    gradients = (torch.autograd.grad((weights * of).sum(), planes)[0] for of in (values, expected))
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("luminance", [True, False])
def test_gradients_of_gradients_are_those_of_autograd(luminance: bool) -> None:
    planes, reference = pair(1, 2, 16, 14)
    second = []
    for of in (mean_of_pair(planes, reference, WINDOW, luminance=luminance), by_autograd(planes, reference, luminance)):
        (first,) = torch.autograd.grad(of.sum(), planes, create_graph=True)
        second.append(torch.autograd.grad(first.square().sum(), planes)[0])
    torch.testing.assert_close(*second, rtol=1e-6, atol=1e-10)


def test_the_reference_has_a_gradient_too() -> None:
    planes, reference = pair(2, 1, 20, 20)
    reference.requires_grad_()
    gradients = (
        torch.autograd.grad(of.sum(), reference)[0]
        for of in (mean_of_pair(planes, reference, WINDOW, luminance=True), by_autograd(planes, reference, True))
    )
    torch.testing.assert_close(*gradients)


def test_one_reference_serves_many_planes() -> None:
    planes, reference = pair(3, 2, 20, 25)
    with torch.no_grad():
        apart = torch.cat([mean_of_pair(p[None], reference[:1], WINDOW, luminance=True) for p in planes])
        torch.testing.assert_close(mean_of_pair(planes, reference[:1], WINDOW, luminance=True), apart)
        torch.testing.assert_close(
            mean_dissimilarity(planes, moments(reference[:1], WINDOW, luminance=True), WINDOW), apart
        )


def test_one_plane_meets_many_references() -> None:
    planes, reference = pair(3, 2, 20, 25)
    one = planes[:1].detach().requires_grad_()
    values = mean_of_pair(one, reference, WINDOW, luminance=True)
    apart = [mean_of_pair(one, r[None], WINDOW, luminance=True) for r in reference]
    torch.testing.assert_close(values, torch.cat(apart))
    gradients = [torch.autograd.grad(of.sum(), one)[0] for of in (values, torch.cat(apart))]
    torch.testing.assert_close(*gradients)
    with torch.no_grad():
        known = moments(reference, WINDOW, luminance=True)
        torch.testing.assert_close(mean_dissimilarity(one, known, WINDOW), values.detach())


@pytest.mark.parametrize("luminance", [True, False])
def test_scores_without_a_gradient_are_those_with_one(luminance: bool) -> None:
    planes, reference = pair(2, 3, 40, 33)
    tracked = mean_dissimilarity(planes, moments(reference, WINDOW, luminance=luminance), WINDOW)
    assert tracked.requires_grad
    with torch.no_grad():
        plain = mean_dissimilarity(planes, moments(reference, WINDOW, luminance=luminance), WINDOW)
    torch.testing.assert_close(plain, tracked.detach())


def test_equal_planes_miss_nothing_and_have_no_slope() -> None:
    planes = torch.rand(1, 1, 30, 30, generator=torch.Generator().manual_seed(2)).requires_grad_()
    value = mean_of_pair(planes, planes.detach().clone(), WINDOW, luminance=True)
    (gradient,) = torch.autograd.grad(value.sum(), planes)
    assert value.item() == 0
    assert gradient.abs().max() == 0
