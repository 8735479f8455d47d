from __future__ import annotations

import subprocess
import sys

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_edsr import percept_generators
from percept_edsr.edsr import EDSR
from torch import Tensor
from torch.nn import functional


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _parameters(network: EDSR) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("skip", ["none", "bicubic"])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (33, 16)])
def test_any_size_is_magnified(scale: int, size: tuple[int, int], skip: str) -> None:
    network = EDSR(channels=8, blocks=2, scale=scale, skip=skip)  # type: ignore[arg-type]  # pytest passes any str
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


@pytest.mark.parametrize(
    ("channels", "blocks", "scale", "parameters"),
    # Table 1 of the paper prints 1.5 M and 43 M, for the networks that magnify four times; the baseline ×2 has 1.37 M.
    [(64, 16, 2, 1_369_859), (64, 16, 4, 1_517_571), (256, 32, 4, 43_089_923)],
)
def test_as_large_as_in_the_paper(channels: int, blocks: int, scale: int, parameters: int) -> None:
    with torch.device("meta"):
        assert _parameters(EDSR(channels, blocks, scale)) == parameters


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_skip_starts_at_bicubic_interpolation(scale: int, coffee: Tensor) -> None:
    degraded = coffee[..., :31, :45]
    expected = functional.interpolate(degraded, scale_factor=scale, mode="bicubic", align_corners=False)
    with torch.no_grad():
        assert torch.equal(EDSR(8, 1, scale, skip="bicubic")(degraded), expected)


def test_without_skip_the_mean_is_added_to_the_output() -> None:
    network = EDSR(8, 1)
    torch.nn.init.zeros_(network.tail.weight)
    torch.nn.init.zeros_(network.tail.bias)  # type: ignore[arg-type]  # this convolution has a bias
    output = network(torch.rand(1, 3, 4, 4))
    assert output.amax((0, 2, 3)).tolist() == pytest.approx([0.4488, 0.4371, 0.4040])
    assert output.amin((0, 2, 3)).tolist() == pytest.approx([0.4488, 0.4371, 0.4040])


def test_residual_scale_weighs_the_blocks() -> None:
    torch.manual_seed(0)
    whole, tenth = EDSR(8, 2), EDSR(8, 2, residual_scale=0.1)
    tenth.load_state_dict(whole.state_dict())
    features = torch.rand(1, 8, 5, 5)
    step = whole.body[0](features) - features
    assert torch.allclose(tenth.body[0](features) - features, 0.1 * step, atol=1e-6)


def test_channels_last_gives_the_same(coffee: Tensor) -> None:
    network = EDSR(16, 2, scale=4)
    degraded = coffee[..., :24, :40]
    with torch.no_grad():
        usual = network(degraded)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch leaves it out
        other = network(degraded.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(usual, other, atol=1e-5)


def test_training_on_a_photograph_beats_where_it_started(coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 100:228, 200:328].contiguous()
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = EDSR(16, 2, skip="bicubic")
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(60):
        loss = (network(degraded) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="use 2, 3 or 4"):
        EDSR(scale=5)
    with pytest.raises(ComponentError, match="at least 1, not 0 and 16"):
        EDSR(channels=0)
    with pytest.raises(ImageError, match=r"edsr takes \(N, 3, H, W\)"):
        EDSR(8, 1)(torch.rand(3, 8, 8))


def test_spec_offers_every_scale() -> None:
    (spec,) = percept_generators()
    assert spec.scales == (2, 3, 4)
    for scale in spec.scales:
        assert EDSR(4, 1, scale).scale == scale


def test_spec_is_light() -> None:
    code = "import percept_edsr, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
