from __future__ import annotations

import pytest
import torch
from percept_vif.correlate import Pair, correlate, window
from torch.nn import functional


@pytest.mark.parametrize("size", [(5, 5), (7, 3), (1, 17)])
@pytest.mark.parametrize("step", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("phases", [(4, 4), (1, 16)])
def test_values_and_gradients_are_those_of_convolutions(size: Pair, step: Pair, phases: Pair) -> None:
    rng = torch.Generator().manual_seed(0)
    taps = torch.randn(2, *size, generator=rng, dtype=torch.float64)
    planes = torch.randn(2, 1, 31, 38, generator=rng, dtype=torch.float64, requires_grad=True)
    expected = functional.conv2d(planes, taps.unsqueeze(1), stride=step)
    values = correlate(planes, window(taps, step, phases, torch.float64))
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-12)
    slopes = torch.randn(expected.shape, generator=rng, dtype=torch.float64)
    gradients = [torch.autograd.grad(result, planes, slopes)[0] for result in (values, expected)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


def test_gradients_of_gradients_exist() -> None:
    planes = torch.randn(1, 1, 9, 10, dtype=torch.float64, requires_grad=True)
    taps = window(torch.randn(2, 3, 3, dtype=torch.float64), (2, 2), (2, 2), torch.float64)
    assert torch.autograd.gradgradcheck(lambda values: correlate(values, taps).square(), (planes,))
