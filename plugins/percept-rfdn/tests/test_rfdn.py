from __future__ import annotations

import subprocess
import sys

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_rfdn import percept_generators
from percept_rfdn.rfdn import RFDN, SpatialAttention
from torch import Tensor, nn
from torch.nn import functional


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("channels", "modules", "scale", "parameters"),
    # The AIM 2020 challenge counted 433 K for the network that won.
    [(50, 4, 4, 433_448), (50, 4, 2, 417_212), (48, 6, 4, 581_952)],
)
def test_counts_parameters(channels: int, modules: int, scale: int, parameters: int) -> None:
    with torch.device("meta"):
        assert _parameters(RFDN(channels, modules, scale)) == parameters


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (14, 40), (33, 16)])
def test_any_size_is_magnified(scale: int, size: tuple[int, int]) -> None:
    network = RFDN(8, modules=2, scale=scale)
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


def test_attention_needs_fifteen_pixels() -> None:
    attention = SpatialAttention(16)
    assert attention(torch.rand(1, 16, 15, 15)).shape == (1, 16, 15, 15)
    with pytest.raises(RuntimeError):
        attention(torch.rand(1, 16, 14, 15))


def test_a_small_image_is_continued_by_its_last_pixels(coffee: Tensor) -> None:
    network = RFDN(16, modules=1, scale=2)
    degraded = coffee[..., 100:109, 200:220]
    continued = functional.pad(degraded, (0, 0, 0, 6), mode="replicate")
    with torch.no_grad():
        assert torch.equal(network(degraded), network(continued)[..., :18, :])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_skip_starts_at_bicubic_interpolation(scale: int, coffee: Tensor) -> None:
    degraded = coffee[..., :31, :45]
    expected = functional.interpolate(degraded, scale_factor=scale, mode="bicubic", align_corners=False)
    with torch.no_grad():
        assert torch.equal(RFDN(16, modules=1, scale=scale, skip="bicubic")(degraded), expected)


def test_training_on_a_photograph_lowers_the_loss(coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 100:196, 200:296].contiguous()
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = RFDN(16, modules=2, scale=2)
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
        RFDN(scale=5)
    with pytest.raises(ComponentError, match="channels is at least 4 and modules at least 1, not 3 and 4"):
        RFDN(channels=3)
    with pytest.raises(ImageError, match=r"rfdn takes \(N, 3, H, W\)"):
        RFDN(8, modules=1)(torch.rand(3, 8, 8))


def test_spec_offers_every_scale() -> None:
    (spec,) = percept_generators()
    assert spec.scales == (2, 3, 4)
    for scale in spec.scales:
        assert RFDN(16, scale=scale).scale == scale


def test_spec_is_light() -> None:
    code = "import percept_rfdn, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
