from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept.errors import ComponentError, ImageError
from percept.registry import registry
from percept_statistics.total_variation import TotalVariation, total_variation
from torch import Tensor

PHOTOS: Any = skimage.data  # it has no types
NORMS: Any = ("l1", "isotropic", "l2")


def photo(height: int = 41, width: int = 60) -> Tensor:
    image = torch.from_numpy(PHOTOS.chelsea()[:height, :width].copy())
    return image.permute(2, 0, 1)[None].double() / 255


def in_numpy(image: Tensor, norm: str) -> float:
    x = image[0].numpy()
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[:, :-1], right[..., :-1] = np.diff(x, axis=1), np.diff(x, axis=2)
    if norm == "l1":
        return float((np.abs(down) + np.abs(right)).sum())
    return float(np.hypot(down, right).sum() if norm == "isotropic" else np.sqrt((down**2 + right**2).sum()))


@pytest.mark.parametrize("norm", NORMS)
def test_photographs_agree_with_the_formula(norm: Any) -> None:
    expected = in_numpy(photo(), norm)
    assert TotalVariation(norm).score(photo()).item() == pytest.approx(expected, rel=1e-6)
    assert TotalVariation(norm, mean=True).score(photo()).item() == pytest.approx(expected / (3 * 41 * 60), rel=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_its_own_gradient_is_that_of_finite_differences(norm: Any) -> None:
    image = photo(6, 7) + 0.01 * torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0)).double()
    batch = torch.cat([image, image.flip(2)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: total_variation(x, norm), batch)
    assert torch.autograd.gradgradcheck(lambda x: total_variation(x, norm), batch)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (8, 8)])
def test_flat_images_score_zero_with_a_zero_gradient(norm: Any, size: tuple[int, int]) -> None:
    flat = torch.full((2, 3, *size), 0.3, requires_grad=True)
    values = total_variation(flat, norm)
    (gradient,) = torch.autograd.grad(values.sum(), flat)
    assert values.tolist() == [0, 0]
    assert gradient.abs().max() == 0


def test_the_loss_is_a_mean_and_the_score_a_sum() -> None:
    loss = registry().build("fidelity_loss", "total-variation")
    score = registry().build("assessor", "total-variation").score(photo(), None)
    assert loss(photo(), torch.zeros(1, 3, 9, 9)).item() == pytest.approx(score.item() / (3 * 41 * 60))


def test_descent_smooths() -> None:
    output = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss, optimizer = TotalVariation("isotropic", mean=True), torch.optim.Adam([output], lr=0.02)
    before = loss(output, output).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss(output, output).sum().backward()
        optimizer.step()
    assert loss(output, output).item() < before / 4


def test_other_norms_and_shapes_are_refused() -> None:
    with pytest.raises(ComponentError, match="none of l1, isotropic, l2"):
        TotalVariation("l3")  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(ImageError, match="total-variation takes"):
        TotalVariation().score(torch.zeros(3, 8, 8))
