from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept.images import read_image
from percept_srvgg import percept_generators
from percept_srvgg.srvgg import SRVGG
from torch import Tensor, nn
from torch.nn import functional

DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
SET5, WEIGHTS = DATA / "photos" / "set5", DATA / "weights"


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _published(network: nn.Module, name: str) -> nn.Module:
    path = WEIGHTS / name
    if not path.is_file() or not SET5.is_dir():
        pytest.skip(f"no {path.name} or no Set5 in {DATA}: set PERCEPT_TEST_DATA")
    weights = torch.load(path, map_location="cpu", weights_only=True)
    weights = weights["params"]
    network.load_state_dict(weights)
    return network.eval()


def _set5(network: nn.Module, scale: int) -> float:
    """Mean PSNR of BT.601 luma, dB: outputs in 8 bits, as many pixels left out at each side as the scale."""
    luma = torch.tensor([65.481, 128.553, 24.966]).view(3, 1, 1)
    scores = []
    for path in sorted((SET5 / "HR").glob("*.png")):
        degraded = read_image(SET5 / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png")
        with torch.no_grad():
            output = network(degraded[None])[0].clamp(0, 1).mul(255).round() / 255
        target = read_image(path)[:, : output.shape[-2], : output.shape[-1]]
        error = ((output - target) * luma).sum(0)[scale:-scale, scale:-scale].double().square().mean()
        scores.append(20 * torch.log10(255 / error.sqrt()).item())
    assert len(scores) == 5
    return sum(scores) / 5


def test_published_weights_give_the_published_psnr() -> None:
    assert _set5(_published(SRVGG(), "realesr-animevideov3.pth"), scale=4) == pytest.approx(28.23, abs=0.01)


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
