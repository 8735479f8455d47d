from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept.weights import load_weights, read_weights
from percept_dncnn import percept_generators
from percept_dncnn.dncnn import DnCNN
from torch import Tensor, nn


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (18, 5)])
def test_any_size_stays_as_it_is(size: tuple[int, int], norm: str) -> None:
    network = DnCNN(8, 4, norm)  # type: ignore[arg-type]  # pytest passes any str
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize(
    ("layers", "norm", "parameters"),
    # The first layer, those between, the last; a normalisation has two parameters a channel and replaces the bias.
    [
        (17, "batch", (27 * 64 + 64) + 15 * (9 * 64 * 64 + 2 * 64) + (9 * 64 * 3 + 3)),
        (17, "none", (27 * 64 + 64) + 15 * (9 * 64 * 64 + 64) + (9 * 64 * 3 + 3)),
        (20, "none", 668_227),  # the published network for colour images and any noise
    ],
)
def test_as_large_as_the_paper_says(layers: int, norm: str, parameters: int) -> None:
    with torch.device("meta"):
        network = DnCNN(layers=layers, norm=norm)  # type: ignore[arg-type]  # pytest passes any str
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_sees_35_pixels_with_17_layers() -> None:
    torch.manual_seed(0)
    network = DnCNN(4).eval().double()
    images = torch.rand(1, 3, 45, 45, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(images)[0, 0, 22, 22], images)
    rows = (gradient[0].abs().sum(0) > 0).any(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 35


def test_published_colour_network_has_these_names_and_shapes() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in DnCNN(layers=20, norm="none").state_dict().items()}
    assert list(shapes) == [f"model.{2 * i}.{what}" for i in range(20) for what in ("weight", "bias")]
    assert shapes["model.0.weight"] == (64, 3, 3, 3)
    assert shapes["model.2.weight"] == shapes["model.36.weight"] == (64, 64, 3, 3)
    assert shapes["model.38.weight"] == (3, 64, 3, 3)
    assert shapes["model.38.bias"] == (3,)


def test_weights_with_merged_normalisation_load_and_do_the_same(tmp_path: Path, coffee: Tensor) -> None:
    torch.manual_seed(0)
    network = DnCNN(8, 4)
    for _ in range(5):
        network(torch.rand(4, 3, 16, 16))
    layers = network.eval().model
    (first, _, conv1, norm1, _, conv2, norm2, _, last) = layers
    merged = {"model.0.weight": first.weight, "model.0.bias": first.bias}
    for place, conv, norm in (("model.2", conv1, norm1), ("model.4", conv2, norm2)):
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        merged[f"{place}.weight"] = conv.weight * gain[:, None, None, None]
        merged[f"{place}.bias"] = norm.bias - norm.running_mean * gain
    merged |= {"model.6.weight": last.weight, "model.6.bias": last.bias}
    torch.save({name: value.detach() for name, value in merged.items()}, tmp_path / "dncnn.pth")
    plain = DnCNN(8, 4, norm="none")
    load_weights(plain, read_weights(tmp_path / "dncnn.pth"), "dncnn.pth")
    with torch.no_grad():
        assert torch.allclose(plain(coffee[..., :20, :30]), network(coffee[..., :20, :30]), atol=1e-5)


def test_a_network_that_finds_no_noise_returns_its_input(coffee: Tensor) -> None:
    network = DnCNN(8, 4).eval()
    nn.init.zeros_(network.model[-1].weight)
    noisy = coffee[..., :20, :30] + torch.randn(1, 3, 20, 30)  # leaves [0, 1]
    assert torch.equal(network(noisy), noisy)


def test_starts_as_in_the_authors_code() -> None:
    torch.manual_seed(0)
    std = (2 / (9 * 64)) ** 0.5
    convolutions = [layer for layer in DnCNN().model if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 17
    for conv in convolutions:
        assert conv.weight.std().item() == pytest.approx(std, rel=0.06)
    gains = torch.cat([layer.weight for layer in DnCNN().model if isinstance(layer, nn.BatchNorm2d)])
    assert len(gains) == 15 * 64
    assert gains.abs().min().item() == pytest.approx(0.025)
    assert gains.std().item() == pytest.approx(std, rel=0.1)
    assert abs((gains > 0).float().mean().item() - 0.5) < 0.05


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_learns_to_take_noise_from_a_photograph(norm: str, coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 100:164, 200:264].contiguous()
    network = DnCNN(16, 5, norm)  # type: ignore[arg-type]  # pytest passes any str
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(200):
        loss = (network(target + 0.2 * torch.randn_like(target)) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    noisy = target + 0.2 * torch.randn_like(target)
    with torch.no_grad():
        error = (network.eval()(noisy) - target).square().mean().item()
    assert error < 0.5 * 0.2**2


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="at least 1 channel and 2 layers, not 64 and 1"):
        DnCNN(layers=1)
    with pytest.raises(ImageError, match=r"dncnn takes \(N, 3, H, W\)"):
        DnCNN(8, 3)(torch.rand(1, 1, 8, 8))


def test_one_pixel_teaches_no_statistics() -> None:
    with pytest.raises(ImageError, match="from one pixel; use larger patches or norm: none"):
        DnCNN(8, 3)(torch.rand(1, 3, 1, 1))
    assert DnCNN(8, 3).eval()(torch.rand(1, 3, 1, 1)).shape == (1, 3, 1, 1)
    assert DnCNN(8, 3, "none")(torch.rand(1, 3, 1, 1)).shape == (1, 3, 1, 1)


def test_spec_is_for_denoising() -> None:
    (spec,) = percept_generators()
    assert (spec.task, spec.scales) == ("denoising", (1,))


def test_spec_is_light() -> None:
    code = "import percept_dncnn, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
