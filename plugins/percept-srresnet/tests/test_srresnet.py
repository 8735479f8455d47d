from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError, InputError
from percept.weights import load_weights, read_weights
from percept_srresnet import percept_generators
from percept_srresnet.srresnet import SRResNet
from torch import Tensor, nn
from torch.nn import functional

ISEEBETTER = {"blocks": 5, "trunk": "prelu", "output": "tanh"}


@pytest.fixture(scope="module")
def data() -> Path:
    path = Path(os.environ.get("PERCEPT_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"no test data at {path}: set PERCEPT_TEST_DATA")
    return path


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module")
def weights(data: Path) -> dict[str, Tensor]:
    path = data / "weights" / "srgan_x4_netG_epoch_4_100.pth"
    if not path.is_file():
        pytest.skip(f"no weights at {path}")
    return read_weights(path)


@pytest.fixture(scope="module")
def trained(weights: dict[str, Tensor]) -> SRResNet:
    network = SRResNet(**ISEEBETTER)  # type: ignore[arg-type]  # parameters of several types
    load_weights(network, weights, "srgan")
    return network.eval()


def test_published_weights_count_no_batches_until_they_are_trained_further(trained: SRResNet) -> None:
    counts = [value for name, value in trained.state_dict().items() if name.endswith("num_batches_tracked")]
    assert len(counts) == 10
    assert all(int(count) == 0 for count in counts)


def test_other_depth_is_refused_by_name(weights: dict[str, Tensor]) -> None:
    with pytest.raises(InputError, match=r"body\.5\.conv1\.weight \(64, 64, 3, 3\) is absent"):
        load_weights(SRResNet(trunk="prelu", output="tanh"), weights, "srgan")


@pytest.mark.parametrize("scale", [2, 4])
def test_published_names_load(scale: int, coffee: Tensor) -> None:
    torch.manual_seed(0)
    network, other = (SRResNet(8, 1, scale, trunk="prelu", output="tanh").eval() for _ in range(2))
    stages = ["block4.0.conv", "block4.0.prelu", "block4.1.conv", "block4.1.prelu"][: 2 if scale == 2 else 4]
    layers = [
        *("block1.0", "block1.1", "block2.conv1", "block2.bn1", "block2.prelu", "block2.conv2", "block2.bn2"),
        *("block3.0", "block3.1", *stages, f"block4.{len(stages) // 2}"),
    ]
    modules = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.PReLU)]
    published = {
        f"{layer}.{name}": value
        for layer, module in zip(layers, modules, strict=True)
        for name, value in module.state_dict().items()
        if name != "num_batches_tracked"
    }
    load_weights(other, published, "srgan")
    with torch.no_grad():
        assert torch.equal(other(coffee[..., :9, :14]), network(coffee[..., :9, :14]))


def test_own_names_stay() -> None:
    network = SRResNet(8, 11)
    assert list(network.translate(network.state_dict())) == list(network.state_dict())


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("skip", ["none", "bicubic"])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (18, 5)])
def test_any_size_is_magnified(scale: int, size: tuple[int, int], skip: str, norm: str) -> None:
    network = SRResNet(8, 1, scale, norm=norm, skip=skip)  # type: ignore[arg-type]  # pytest passes any str
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


def test_as_large_as_the_paper_draws_it() -> None:
    block = 2 * (64 * 64 * 9 + 64 + 2 * 64) + 1
    trunk = 64 * 64 * 9 + 64 + 2 * 64
    upsampling = 2 * (64 * 256 * 9 + 256 + 1)
    ends = (3 * 64 * 81 + 64 + 1) + (64 * 3 * 81 + 3)
    with torch.device("meta"):
        network = SRResNet()
    counted = sum(p.numel() for p in network.parameters())
    assert counted == 16 * block + trunk + upsampling + ends == 1_549_462


def test_without_norm_there_is_none() -> None:
    assert not any(isinstance(m, nn.BatchNorm2d) for m in SRResNet(8, 2, norm="none").modules())
    assert sum(isinstance(m, nn.BatchNorm2d) for m in SRResNet(8, 2).modules()) == 5


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("output", ["linear", "tanh"])
def test_bicubic_skip_starts_at_bicubic_interpolation(scale: int, output: str, coffee: Tensor) -> None:
    degraded = coffee[..., :31, :45]
    expected = functional.interpolate(degraded, scale_factor=scale, mode="bicubic", align_corners=False)
    network = SRResNet(8, 1, scale, output=output, skip="bicubic")  # type: ignore[arg-type]  # pytest passes any str
    with torch.no_grad():
        assert torch.equal(network(degraded), expected)


def test_tanh_holds_the_output_in_range_and_linear_does_not(coffee: Tensor) -> None:
    torch.manual_seed(0)
    linear, tanh = SRResNet(8, 1), SRResNet(8, 1, output="tanh")
    nn.init.normal_(linear.tail.weight)
    tanh.load_state_dict(linear.state_dict())
    with torch.no_grad():
        free, held = (network.eval()(coffee[..., :16, :16]) for network in (linear, tanh))
    assert free.min() < 0
    assert free.max() > 1
    assert held.min() >= 0
    assert held.max() <= 1
    assert torch.allclose(held, ((2 * free - 1).tanh() + 1) / 2, atol=1e-5)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_training_on_a_photograph_beats_where_it_started(norm: str, coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 192:256, :64].contiguous()  # fine texture
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = SRResNet(16, 1, 2, norm=norm, skip="bicubic")  # type: ignore[arg-type]  # pytest passes any str
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
    with pytest.raises(ComponentError, match="use 2, 3 or 4"):
        SRResNet(scale=1)
    with pytest.raises(ComponentError, match="at least 1, not 64 and 0"):
        SRResNet(blocks=0)
    with pytest.raises(ImageError, match=r"srresnet takes \(N, 3, H, W\)"):
        SRResNet(8, 1)(torch.rand(3, 8, 8))


def test_one_pixel_teaches_no_statistics() -> None:
    with pytest.raises(ImageError, match="from one pixel; use larger patches or norm: none"):
        SRResNet(8, 1)(torch.rand(1, 3, 1, 1))
    assert SRResNet(8, 1).eval()(torch.rand(1, 3, 1, 1)).shape == (1, 3, 4, 4)
    assert SRResNet(8, 1, norm="none")(torch.rand(1, 3, 1, 1)).shape == (1, 3, 4, 4)


def test_spec_offers_every_scale() -> None:
    (spec,) = percept_generators()
    assert spec.scales == (2, 3, 4)
    for scale in spec.scales:
        assert SRResNet(4, 1, scale).scale == scale


def test_spec_is_light() -> None:
    code = "import percept_srresnet, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
