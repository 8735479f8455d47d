from __future__ import annotations

import subprocess
import sys

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_srvgg import percept_generators
from percept_srvgg.srvgg import SRVGG
from torch import Tensor, nn
from torch.nn import functional


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("convs", "scale", "activation", "parameters"),
    [(16, 4, "prelu", 621_424), (32, 4, "prelu", 1_213_296), (16, 4, "relu", 620_336), (16, 1, "leaky", 594_371)],
)
def test_counts_parameters(convs: int, scale: int, activation: str, parameters: int) -> None:
    with torch.device("meta"):
        assert _parameters(SRVGG(64, convs, scale, activation)) == parameters


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (14, 40), (33, 16)])
def test_any_size_is_magnified(scale: int, size: tuple[int, int]) -> None:
    network = SRVGG(8, convs=2, scale=scale)
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_it_adds_to_the_nearest_pixels(scale: int, coffee: Tensor) -> None:
    network = SRVGG(8, convs=1, scale=scale)
    for parameter in network.body[-1].parameters():
        nn.init.zeros_(parameter)
    degraded = coffee[..., :9, :14]
    expected = degraded.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert torch.equal(network(degraded), expected)


@pytest.mark.parametrize(
    ("activation", "expected"), [("prelu", [-0.5, 2.0]), ("leaky", [-0.2, 2.0]), ("relu", [0.0, 2.0])]
)
def test_activations(activation: str, expected: list[float]) -> None:
    network = SRVGG(2, convs=1, activation=activation)
    features = network.body[1](torch.tensor([-2.0, 2.0]).view(1, 2, 1, 1))
    assert features.flatten().tolist() == pytest.approx(expected)


def test_training_on_a_photograph_lowers_the_loss(coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 100:196, 200:296].contiguous()
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = SRVGG(16, convs=3, scale=2)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(40):
        loss = (network(degraded) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="scale 5 is not offered; use 1, 2, 3 or 4"):
        SRVGG(scale=5)
    with pytest.raises(ComponentError, match="no activation 'gelu'; use prelu, leaky or relu"):
        SRVGG(activation="gelu")
    with pytest.raises(ComponentError, match="at least 1, not 64 and 0"):
        SRVGG(convs=0)
    with pytest.raises(ImageError, match=r"srvgg takes \(N, 3, H, W\)"):
        SRVGG(8, convs=1)(torch.rand(3, 8, 8))


def test_spec_offers_every_scale() -> None:
    (spec,) = percept_generators()
    assert spec.scales == (1, 2, 3, 4)
    for scale in spec.scales:
        assert SRVGG(16, scale=scale).scale == scale


def test_spec_is_light() -> None:
    code = "import percept_srvgg, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
