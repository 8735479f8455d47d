from __future__ import annotations

import pytest
import torch
from percept.primitives import gaussian, halve, separable, spread
from torch.nn import functional


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 4, 11])
def test_spreading_is_the_adjoint_of_smoothing(size: int) -> None:
    window, maps = gaussian(size, 1.5), drawn(2, 3, 17, 20)
    smooth = separable(window, maps)[0]
    other = drawn(*smooth.shape)
    (back,) = spread(window, other)
    assert back.shape == maps.shape
    assert (smooth * other).sum().item() == pytest.approx((maps * back).sum().item(), rel=1e-9)


@pytest.mark.parametrize(("height", "width"), [(8, 6), (7, 6), (6, 5), (1, 3)])
def test_halving_is_pooling_with_its_gradients(height: int, width: int) -> None:
    planes = drawn(2, 3, height, width).requires_grad_()
    pooled = functional.avg_pool2d(planes, 2, ceil_mode=True)
    torch.testing.assert_close(halve(planes), pooled)
    weights = drawn(*pooled.shape)
    gradients = (torch.autograd.grad((of * weights).sum(), planes)[0] for of in (halve(planes), pooled))
    torch.testing.assert_close(*gradients)
    assert torch.autograd.gradgradcheck(halve, planes)
