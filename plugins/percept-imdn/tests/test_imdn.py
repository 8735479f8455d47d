from __future__ import annotations

import subprocess
import sys

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_imdn import percept_generators
from percept_imdn.imdn import IMDN, ContrastAttention
from torch import Tensor, nn
from torch.nn import functional


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# The paper prints 694 K, 703 K and 715 K.
@pytest.mark.parametrize(("scale", "parameters"), [(2, 694_404), (3, 703_059), (4, 715_176)])
def test_as_large_as_in_the_paper(scale: int, parameters: int) -> None:
    with torch.device("meta"):
        assert _parameters(IMDN(scale=scale)) == parameters


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (14, 40), (33, 16)])
def test_any_size_is_magnified(scale: int, size: tuple[int, int]) -> None:
    network = IMDN(8, modules=2, scale=scale)
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_skip_starts_at_bicubic_interpolation(scale: int, coffee: Tensor) -> None:
    degraded = coffee[..., :31, :45]
    expected = functional.interpolate(degraded, scale_factor=scale, mode="bicubic", align_corners=False)
    with torch.no_grad():
        assert torch.equal(IMDN(16, modules=1, scale=scale, skip="bicubic")(degraded), expected)


def test_attention_weighs_by_mean_and_deviation() -> None:
    attention = ContrastAttention(16)
    seen: list[Tensor] = []
    attention.conv_du.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = torch.rand(2, 16, 5, 9)
    output = attention(features)
    expected = features.mean((2, 3)) + features.flatten(2).std(2, correction=0)
    assert torch.allclose(seen[0].flatten(1), expected, atol=1e-5)
    assert torch.allclose(output, features * attention.conv_du(expected[..., None, None]), atol=1e-5)


@pytest.mark.parametrize("side", [1, 6])
def test_gradients_are_finite_where_there_is_no_contrast(side: int) -> None:
    features = torch.full((1, 16, side, side), 0.5, requires_grad=True)
    ContrastAttention(16)(features).sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_training_on_a_photograph_lowers_the_loss(coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 100:196, 200:296].contiguous()
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = IMDN(16, modules=2, scale=2)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(40):
        loss = (network(degraded) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="scale 5 is not offered; use 2, 3 or 4"):
        IMDN(scale=5)
    with pytest.raises(ComponentError, match="a multiple of 4, not 30"):
        IMDN(channels=30)
    with pytest.raises(ComponentError, match="modules is at least 1, not 0"):
        IMDN(modules=0)
    with pytest.raises(ImageError, match=r"imdn takes \(N, 3, H, W\)"):
        IMDN(8, modules=1)(torch.rand(3, 8, 8))


def test_spec_offers_every_scale() -> None:
    (spec,) = percept_generators()
    assert spec.scales == (2, 3, 4)
    for scale in spec.scales:
        assert IMDN(16, scale=scale).scale == scale


def test_spec_is_light() -> None:
    code = "import percept_imdn, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
