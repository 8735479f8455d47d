from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError, InputError
from percept.weights import load_weights
from percept_swinir import percept_generators
from percept_swinir.swinir import SwinIR
from percept_swinir.windows import WindowAttention, join, shift_mask, split
from torch import Tensor
from torch.nn import functional

SMALL: dict[str, Any] = {"channels": 12, "depths": (2, 2), "heads": 3, "window": 4}
VARIANTS: dict[str, dict[str, Any]] = {spec.name: dict(spec.arguments) for spec in percept_generators()}


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _parameters(network: SwinIR, without: str = "nothing") -> int:
    return sum(value.numel() for name, value in network.named_parameters() if without not in name)


@pytest.mark.parametrize(
    ("name", "scale", "upsampler"),
    [
        ("swinir", 3, "pixelshuffle"),
        ("swinir", 4, "pixelshuffle"),
        ("swinir-light", 2, "pixelshuffledirect"),
        ("swinir-real", 4, "nearest+conv"),
        ("swinir", 1, "none"),
    ],
)
def test_same_as_the_published_network_with_its_weights(name: str, scale: int, upsampler: str) -> None:
    theirs = _published(name, scale, upsampler)
    network = SwinIR(**{**VARIANTS[name], "upsampler": upsampler}, scale=scale).eval()
    load_weights(network, theirs.state_dict(), "a published checkpoint")
    degraded = torch.rand(2, 3, 9, 17)
    with torch.no_grad():
        expected = theirs(degraded)
        assert (network(degraded) - expected).abs().max() <= 1e-5
    assert (network(degraded) - expected).abs().max() <= 1e-5  # with gradients attention takes another way


def _published(name: str, scale: int, upsampler: str) -> Any:
    """spandrel's SwinIR, whose names are those of the published files, its attention masks included."""
    pytest.importorskip("spandrel", reason="spandrel's SwinIR is what ours is compared with")
    from spandrel.architectures.SwinIR import SwinIR as Published

    torch.manual_seed(0)
    light = name == "swinir-light"
    sizes = {
        "embed_dim": 60 if light else 180,
        "depths": [6] * (4 if light else 6),
        "num_heads": [6] * (4 if light else 6),
    }
    upsampler = "" if upsampler == "none" else upsampler
    network = Published(**sizes, window_size=8, mlp_ratio=2, upscale=scale, upsampler=upsampler).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    assert any(key.endswith("attn_mask") for key in network.state_dict())
    return network


@pytest.mark.parametrize(
    ("name", "scale", "parameters", "printed"),
    # Table 3 of the paper prints 878 K, 886 K and 897 K for the light network: what it has without the tables of biases.
    [
        ("swinir-light", 2, 910_152, 877_752),
        ("swinir-light", 3, 918_267, 885_867),
        ("swinir-light", 4, 929_628, 897_228),
        ("swinir", 2, 11_752_487, 11_703_887),
        ("swinir", 4, 11_900_199, 11_851_599),
        ("swinir", 8, 12_047_911, 11_999_311),
        ("swinir-real", 4, 11_715_559, 11_666_959),
    ],
)
def test_as_large_as_in_the_paper(name: str, scale: int, parameters: int, printed: int) -> None:
    with torch.device("meta"):
        network = SwinIR(**VARIANTS[name], scale=scale)
    assert _parameters(network) == parameters
    assert _parameters(network, without="bias_table") == printed


@pytest.mark.parametrize(
    ("upsampler", "scale", "last"),
    [
        ("pixelshuffle", 4, ["conv_before_upsample.0", "upsample.0", "upsample.2", "conv_last"]),
        ("pixelshuffle", 3, ["conv_before_upsample.0", "upsample.0", "conv_last"]),
        ("pixelshuffledirect", 4, ["upsample.0"]),
        ("nearest+conv", 4, ["conv_before_upsample.0", "conv_up1", "conv_up2", "conv_hr", "conv_last"]),
        ("none", 1, ["conv_last"]),
    ],
)
def test_names_are_the_published_ones(upsampler: Any, scale: int, last: list[str]) -> None:
    names = [key.removesuffix(".weight") for key in SwinIR(**SMALL, upsampler=upsampler, scale=scale).state_dict()]
    layers = [name for name in names if not name.endswith(".bias")]
    block = [
        f"layers.1.residual_group.blocks.1.{part}"
        for part in (
            "norm1",
            "attn.relative_position_bias_table",
            "attn.qkv",
            "attn.proj",
            "norm2",
            "mlp.fc1",
            "mlp.fc2",
        )
    ]
    assert layers[:2] == ["conv_first", "patch_embed.norm"]
    start = layers.index(block[0])
    assert layers[start : start + len(block) + 1] == [*block, "layers.1.conv"]
    assert layers[start + len(block) + 1 :] == ["norm", "conv_after_body", *last]


@pytest.mark.parametrize("spec", percept_generators(), ids=lambda spec: spec.name)
@pytest.mark.parametrize("size", [(1, 1), (4, 7), (9, 16)])
def test_any_size_is_magnified(spec: Any, size: tuple[int, int]) -> None:
    for scale in spec.scales:
        network = SwinIR(**{**SMALL, "upsampler": spec.arguments.get("upsampler", "pixelshuffle")}, scale=scale)
        assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


def test_padding_is_a_reflection() -> None:
    torch.manual_seed(0)
    network, degraded = SwinIR(**SMALL), torch.rand(1, 3, 10, 15)
    mirrored = functional.pad(degraded, (0, 1, 0, 2), mode="reflect")
    assert torch.equal(network(degraded), network(mirrored)[..., :20, :30])


def test_without_an_upsampler_the_input_is_added() -> None:
    network, degraded = SwinIR(**SMALL, scale=1, upsampler="none"), torch.rand(1, 3, 9, 9)
    for parameter in network.conv_last.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.allclose(network(degraded), degraded, atol=1e-6)


def test_windows_come_apart_and_together_again() -> None:
    images = torch.arange(2 * 8 * 12 * 3.0).view(2, 8, 12, 3)
    windows = split(images, 4)
    assert windows.shape == (2, 6, 16, 3)
    assert torch.equal(windows[1, 4].view(4, 4, 3), images[1, 4:8, 4:8])
    assert torch.equal(join(windows, 8, 12), images)


@pytest.mark.parametrize("grad", [True, False])
def test_a_shifted_window_does_not_see_over_the_seam(grad: bool) -> None:
    torch.manual_seed(0)
    attention, tokens = WindowAttention(12, 3, window=4, shift=2), torch.rand(1, 8, 8, 12)
    other = tokens.clone()
    other[0, 0, 0] += 1
    mask = shift_mask(8, 8, 4, tokens.device)
    with torch.set_grad_enabled(grad):
        changed = (attention(tokens, mask) - attention(other, mask)).abs().amax(-1)[0] > 1e-7
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[:2, :2] = True  # of the window of 4×4 around this corner only a quarter lies on this side
    assert torch.equal(changed, expected)


def test_branches_are_left_out_in_training_only() -> None:
    torch.manual_seed(0)
    network, degraded = SwinIR(**SMALL, drop_path=0.9), torch.rand(1, 3, 8, 8)
    assert not torch.equal(network(degraded), network(degraded))
    network.eval()
    assert torch.equal(network(degraded), network(degraded))
    steady = SwinIR(**SMALL)
    assert torch.equal(steady(degraded), steady(degraded))


@pytest.mark.parametrize("grad", [True, False])
def test_bfloat16_is_close(grad: bool, coffee: Tensor) -> None:
    torch.manual_seed(0)
    network, degraded = SwinIR(**SMALL), coffee[..., :24, :24]
    with torch.set_grad_enabled(grad):
        exact = network(degraded)
        with torch.autocast("cpu", torch.bfloat16):
            assert (network(degraded) - exact).abs().max() < 0.02


def test_training_on_a_photograph_lowers_the_loss(coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 100:164, 200:264].contiguous()
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = SwinIR(**SMALL, upsampler="pixelshuffledirect")
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(60):
        loss = (network(degraded) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_file_of_another_size_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"file\.pth: does not fit SwinIR: conv_first.weight is") as error:
        load_weights(SwinIR(**SMALL), SwinIR(**{**SMALL, "channels": 24}).state_dict(), "file.pth")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 5}, r"'pixelshuffle' offers scale 2, 3, 4, 8, not 5; use another scale"),
        ({"scale": 1}, "offers scale 2, 3, 4, 8, not 1; use none"),
        ({"upsampler": "nearest+conv", "scale": 3}, "offers scale 2, 4, not 3; use pixelshuffle or pixelshuffledirect"),
        ({"depths": ()}, r"at least 1, one a group, not \[\]"),
        ({"depths": (6, 0)}, r"at least 1, one a group, not \[6, 0\]"),
        ({"channels": 20}, "multiple of heads, not 20 and 6"),
        ({"heads": 0}, "multiple of heads, not 180 and 0"),
        ({"window": 1}, "window is at least 2"),
        ({"mlp_ratio": 0.001}, "mlp_ratio positive"),
        ({"drop_path": 1.0}, "from 0 to below 1, not 1"),
    ],
)
def test_refuses_what_makes_no_network(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=message) as error:
        SwinIR(**arguments)
    assert len(str(error.value).splitlines()) == 1


def test_refuses_what_is_no_image() -> None:
    network = SwinIR(**SMALL)
    for wrong in (torch.rand(3, 8, 8), torch.rand(1, 1, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)):
        with pytest.raises(ImageError, match="swinir takes"):
            network(wrong)


def test_spec_is_light() -> None:
    code = (
        "import percept_swinir, sys; percept_swinir.percept_generators(); print({'torch', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
