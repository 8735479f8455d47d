from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError, InputError
from percept.weights import load_weights, read_weights
from percept_rrdb import percept_generators
from percept_rrdb.rrdb import RRDBNet
from torch import Tensor
from torch.nn import functional

LAYERS = {
    "Real-ESRGAN": (
        "conv_first",
        *("body.0.rdb1.conv1", "body.0.rdb1.conv2", "body.0.rdb1.conv3", "body.0.rdb1.conv4", "body.0.rdb1.conv5"),
        *("body.0.rdb2.conv1", "body.0.rdb2.conv2", "body.0.rdb2.conv3", "body.0.rdb2.conv4", "body.0.rdb2.conv5"),
        *("body.0.rdb3.conv1", "body.0.rdb3.conv2", "body.0.rdb3.conv3", "body.0.rdb3.conv4", "body.0.rdb3.conv5"),
        *("conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"),
    ),
    "BSRGAN": (
        "conv_first",
        *("RRDB_trunk.0.RDB1.conv1", "RRDB_trunk.0.RDB1.conv2", "RRDB_trunk.0.RDB1.conv3"),
        *("RRDB_trunk.0.RDB1.conv4", "RRDB_trunk.0.RDB1.conv5"),
        *("RRDB_trunk.0.RDB2.conv1", "RRDB_trunk.0.RDB2.conv2", "RRDB_trunk.0.RDB2.conv3"),
        *("RRDB_trunk.0.RDB2.conv4", "RRDB_trunk.0.RDB2.conv5"),
        *("RRDB_trunk.0.RDB3.conv1", "RRDB_trunk.0.RDB3.conv2", "RRDB_trunk.0.RDB3.conv3"),
        *("RRDB_trunk.0.RDB3.conv4", "RRDB_trunk.0.RDB3.conv5"),
        *("trunk_conv", "upconv1", "upconv2", "HRconv", "conv_last"),
    ),
    "ESRGAN's first release": (
        "model.0",
        *("model.1.sub.0.RDB1.conv1.0", "model.1.sub.0.RDB1.conv2.0", "model.1.sub.0.RDB1.conv3.0"),
        *("model.1.sub.0.RDB1.conv4.0", "model.1.sub.0.RDB1.conv5.0"),
        *("model.1.sub.0.RDB2.conv1.0", "model.1.sub.0.RDB2.conv2.0", "model.1.sub.0.RDB2.conv3.0"),
        *("model.1.sub.0.RDB2.conv4.0", "model.1.sub.0.RDB2.conv5.0"),
        *("model.1.sub.0.RDB3.conv1.0", "model.1.sub.0.RDB3.conv2.0", "model.1.sub.0.RDB3.conv3.0"),
        *("model.1.sub.0.RDB3.conv4.0", "model.1.sub.0.RDB3.conv5.0"),
        *("model.1.sub.1", "model.3", "model.6", "model.8", "model.10"),
    ),
}


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _published(network: RRDBNet, layers: tuple[str, ...]) -> dict[str, Tensor]:
    values = iter(network.state_dict().values())
    return {f"{layer}.{what}": next(values) for layer in layers for what in ("weight", "bias")}


@pytest.mark.parametrize("skip", ["none", "bicubic"])
@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (18, 5)])
def test_any_size_is_magnified(scale: int, size: tuple[int, int], skip: str) -> None:
    network = RRDBNet(8, 1, 4, scale, skip)  # type: ignore[arg-type]  # pytest passes any str
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


@pytest.mark.parametrize(
    ("scale", "blocks", "parameters"),
    # 16.70 M in the papers; 6 blocks are Real-ESRGAN's network for anime. Below ×4 only the first layer is larger.
    [
        (4, 23, 16_697_987),
        (4, 6, 4_467_779),
        (2, 23, 16_697_987 + 9 * 9 * 64),
        (1, 23, 16_697_987 + 45 * 9 * 64),
    ],
)
def test_as_large_as_published(scale: int, blocks: int, parameters: int) -> None:
    with torch.device("meta"):
        network = RRDBNet(scale=scale, blocks=blocks)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_the_published_network_has_702_tensors_of_these_shapes() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in RRDBNet().state_dict().items()}
    assert len(shapes) == 702
    assert shapes["conv_first.weight"] == (64, 3, 3, 3)
    assert shapes["body.0.rdb1.conv1.weight"] == (32, 64, 3, 3)
    assert shapes["body.11.rdb2.conv4.weight"] == (32, 160, 3, 3)
    assert shapes["body.22.rdb3.conv5.weight"] == (64, 192, 3, 3)
    assert shapes["body.22.rdb3.conv5.bias"] == (64,)
    assert shapes["conv_up2.weight"] == shapes["conv_body.weight"] == (64, 64, 3, 3)
    assert shapes["conv_last.weight"] == (3, 64, 3, 3)


@pytest.mark.parametrize("wrapper", ["", "params_ema"])
@pytest.mark.parametrize("convention", LAYERS)
def test_published_names_load(convention: str, wrapper: str, tmp_path: Path, coffee: Tensor) -> None:
    torch.manual_seed(0)
    trained, other = RRDBNet(8, 1, 4), RRDBNet(8, 1, 4)
    weights = _published(trained, LAYERS[convention])
    assert len(weights) == len(trained.state_dict())
    torch.save({wrapper: weights} if wrapper else weights, tmp_path / "net.pth")
    load_weights(other, read_weights(tmp_path / "net.pth"), "net.pth")
    degraded = coffee[..., :9, :14]
    with torch.no_grad():
        assert torch.equal(other(degraded), trained(degraded))


def test_the_first_release_numbers_the_trunk_after_the_blocks() -> None:
    network = RRDBNet(4, 12, 2)
    names = ["model.1.sub.11.RDB3.conv5.0.bias", "model.1.sub.12.weight", "model.2.weight", "body.3.rdb1.conv1.bias"]
    translated = network.translate(dict.fromkeys(names, torch.zeros(1)))
    assert list(translated) == [
        *("body.11.rdb3.conv5.bias", "conv_body.weight", "model.2.weight", "body.3.rdb1.conv1.bias"),
    ]


def test_weights_of_a_deeper_network_are_refused_by_name() -> None:
    deeper = _published(RRDBNet(8, 1, 4), LAYERS["BSRGAN"])
    deeper["RRDB_trunk.1.RDB1.conv1.weight"] = torch.zeros(4, 8, 3, 3)
    with pytest.raises(InputError, match=r"body\.1\.rdb1\.conv1\.weight \(4, 8, 3, 3\) is not in the network"):
        load_weights(RRDBNet(8, 1, 4), deeper, "net.pth")


def test_dense_block_is_what_the_paper_draws(coffee: Tensor) -> None:
    torch.manual_seed(0)
    network = RRDBNet(8, 1, 4)
    block = network.body[0].rdb1
    for conv in block.values():
        torch.nn.init.normal_(conv.bias, std=0.1)
    x = torch.randn(1, 8, 6, 7)
    f1 = functional.leaky_relu(block["conv1"](x), 0.2)
    f2 = functional.leaky_relu(block["conv2"](torch.cat([x, f1], 1)), 0.2)
    f3 = functional.leaky_relu(block["conv3"](torch.cat([x, f1, f2], 1)), 0.2)
    f4 = functional.leaky_relu(block["conv4"](torch.cat([x, f1, f2, f3], 1)), 0.2)
    expected = x + 0.2 * block["conv5"](torch.cat([x, f1, f2, f3, f4], 1))
    assert torch.allclose(block(x), expected, atol=1e-6)
    rrdb = network.body[0]
    expected = x + 0.2 * rrdb.rdb3(rrdb.rdb2(rrdb.rdb1(x)))
    assert torch.allclose(rrdb(x), expected, atol=1e-6)


def test_dense_blocks_start_at_a_tenth_of_he() -> None:
    torch.manual_seed(0)
    for name, conv in RRDBNet(64, 1, 32).body[0].rdb2.items():
        inputs = 9 * conv.in_channels
        assert conv.weight.std().item() == pytest.approx(0.1 * (2 / inputs) ** 0.5, rel=0.03), name
        assert conv.bias.abs().max() == 0


@pytest.mark.parametrize(("scale", "fold"), [(2, 2), (1, 4)])
def test_below_four_it_is_the_same_network_on_folded_pixels(scale: int, fold: int, coffee: Tensor) -> None:
    torch.manual_seed(0)
    network = RRDBNet(8, 1, 4, scale)
    degraded = coffee[..., :13, :18]
    whole = functional.pad(degraded, (0, -18 % fold, 0, -13 % fold), mode="replicate")
    rows = [whole[:, :, y::fold, x::fold] for y in range(fold) for x in range(fold)]
    folded = torch.stack(rows, 2).flatten(1, 2)  # colour by colour, as published weights want them
    network_of_four = RRDBNet(8, 1, 4)
    network_of_four.conv_first = network.conv_first
    features = {name: value for name, value in network.state_dict().items() if not name.startswith("conv_first")}
    network_of_four.load_state_dict(features, strict=False)
    network_of_four._folded = lambda _: folded  # type: ignore[method-assign]  # the network behind the folding
    with torch.no_grad():
        expected = network_of_four(whole[:, :, ::fold, ::fold])[..., : 13 * scale, : 18 * scale]
        assert torch.equal(network(degraded), expected)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_bicubic_skip_starts_at_bicubic_interpolation(scale: int, coffee: Tensor) -> None:
    degraded = coffee[..., :31, :45]
    expected = functional.interpolate(degraded, scale_factor=scale, mode="bicubic", align_corners=False)
    with torch.no_grad():
        assert torch.equal(RRDBNet(8, 1, 4, scale, skip="bicubic")(degraded), expected)


def test_training_on_a_photograph_beats_where_it_started(coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 192:256, :64].contiguous()  # fine texture
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = RRDBNet(16, 1, 8, scale=2, skip="bicubic")
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(120):
        loss = (network(degraded) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="scale 3 is not offered; use 1, 2 or 4"):
        RRDBNet(scale=3)
    with pytest.raises(ComponentError, match="at least 1, not 64, 0 and 32"):
        RRDBNet(blocks=0)
    with pytest.raises(ImageError, match=r"rrdb takes \(N, 3, H, W\)"):
        RRDBNet(8, 1, 4)(torch.rand(1, 1, 8, 8))


def test_spec_offers_every_scale() -> None:
    (spec,) = percept_generators()
    assert spec.scales == (1, 2, 4)
    for scale in spec.scales:
        assert RRDBNet(4, 1, 4, scale).scale == scale


def test_spec_is_light() -> None:
    code = "import percept_rrdb, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
