from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_vgg_discriminator import percept_discriminators
from percept_vgg_discriminator.vanilla import MIN_SIZE, Norm, VGGDiscriminator
from torch import Tensor, nn
from torch.nn import functional

NORMS = get_args(Norm)


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    image = skimage.data.chelsea()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def _convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def test_layout_of_esrgan() -> None:
    with torch.device("meta"):
        network = VGGDiscriminator()
    layers = [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in _convolutions(network)]
    assert layers == [
        (3, 64, 3, 1),
        (64, 64, 4, 2),
        (64, 128, 3, 1),
        (128, 128, 4, 2),
        (128, 256, 3, 1),
        (256, 256, 4, 2),
        (256, 512, 3, 1),
        (512, 512, 4, 2),
        (512, 512, 3, 1),
        (512, 512, 4, 2),
    ]
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 9
    assert sum(parameter.numel() for parameter in network.parameters()) == 14_499_401


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_layout_does_not_depend_on_the_width(channels: int) -> None:
    network = VGGDiscriminator(channels)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 9
    assert [convolution.bias is not None for convolution in _convolutions(network)] == [True] + 9 * [False]


def test_at_128_pixels_the_fully_connected_layers_see_every_feature(photograph: Tensor) -> None:
    network = VGGDiscriminator(4).eval()
    features = network.backbone(photograph[..., :128, :128])
    assert features.shape == (1, 32, 4, 4)
    hidden = functional.leaky_relu(network.head.hidden(features.flatten(1)), 0.2)
    assert torch.equal(network(photograph[..., :128, :128]).flatten(1), network.head.logit(hidden))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [(32, 32), (33, 95), (128, 128), (300, 451)])
def test_any_size_gives_one_logit(size: tuple[int, int], norm: Norm, photograph: Tensor) -> None:
    images = photograph[..., : size[0], : size[1]].repeat(2, 1, 1, 1)
    assert VGGDiscriminator(4, norm)(images).shape == (2, 1, 1, 1)


def test_one_pixel_less_than_the_least_size_is_refused() -> None:
    (spec,) = percept_discriminators()
    assert spec.min_size == MIN_SIZE == 32
    for size in ((31, 32), (32, 31)):
        with pytest.raises(ImageError, match="vanilla needs at least 32×32 pixels"):
            VGGDiscriminator(4)(torch.rand(2, 3, *size))


def test_batch_norm_on_a_single_value_is_refused_with_a_way_out() -> None:
    image = torch.rand(1, 3, 63, 63)
    with pytest.raises(ImageError, match="use a larger batch, a patch of 64 or more, or norm: spectral"):
        VGGDiscriminator(4)(image)
    assert VGGDiscriminator(4).eval()(image).isfinite().all()
    assert VGGDiscriminator(4, norm="spectral")(image).isfinite().all()
    assert VGGDiscriminator(4)(torch.rand(1, 3, 64, 63)).isfinite().all()


@pytest.mark.parametrize("norm", NORMS)
def test_no_logit_depends_on_its_batch_mates_when_assessing(norm: Norm, photograph: Tensor) -> None:
    network = VGGDiscriminator(4, norm).eval()
    batch = torch.cat([photograph[..., :96, :70], torch.zeros(1, 3, 96, 70)])
    assert torch.allclose(network(batch)[:1], network(batch[:1]), atol=1e-6)


def test_spectral_norm_holds_every_layer_at_one() -> None:
    torch.manual_seed(0)
    network = VGGDiscriminator(4, norm="spectral").train()
    for _ in range(30):
        network(torch.rand(1, 3, 32, 32))
    network.eval()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 12
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.03)


def test_learns_to_tell_a_photograph_from_its_blurred_self(photograph: Tensor) -> None:
    torch.manual_seed(0)
    patches = [photograph[..., y : y + 64, x : x + 64] for y in (20, 100, 180) for x in (60, 160, 260)]
    real = torch.cat(patches)
    both = torch.cat([real, functional.avg_pool2d(real, 5, 1, 2, count_include_pad=False)])
    sign = torch.tensor([1.0] * 9 + [-1.0] * 9)
    network = VGGDiscriminator(8)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(20):
        loss = functional.softplus(-sign * network(both).flatten()).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_refuses_no_channels() -> None:
    with pytest.raises(ComponentError, match="at least 1, not 0"):
        VGGDiscriminator(0)


def test_spec_is_light() -> None:
    code = "import percept_vgg_discriminator, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
