from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_unet_discriminator import percept_discriminators
from percept_unet_discriminator.pixel import MIN_SIZE, Norm, UNetDiscriminator
from torch import Tensor, nn
from torch.nn import functional

NORMS = get_args(Norm)


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    image = skimage.data.chelsea()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


class Published(nn.Module):
    """The network as its authors' files name it: ten convolutions under torch's older spectral normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, channels, 3, 1, 1)
        halving, widening = ((1, 2), (2, 4), (4, 8)), ((8, 4), (4, 2), (2, 1), (1, 1), (1, 1))
        for number, (before, after) in enumerate(halving + widening, 1):
            shape = (4, 2, 1) if number < 4 else (3, 1, 1)
            conv = nn.Conv2d(before * channels, after * channels, *shape, bias=False)
            setattr(self, f"conv{number}", nn.utils.spectral_norm(conv))
        self.conv9 = nn.Conv2d(channels, 1, 3, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        x0 = functional.leaky_relu(self.conv0(images), 0.2)
        x1 = functional.leaky_relu(self.conv1(x0), 0.2)
        x2 = functional.leaky_relu(self.conv2(x1), 0.2)
        x3 = functional.leaky_relu(self.conv3(x2), 0.2)
        x4 = functional.leaky_relu(self.conv4(_twice(x3)), 0.2) + x2
        x5 = functional.leaky_relu(self.conv5(_twice(x4)), 0.2) + x1
        x6 = functional.leaky_relu(self.conv6(_twice(x5)), 0.2) + x0
        x7 = functional.leaky_relu(self.conv7(x6), 0.2)
        logits: Tensor = self.conv9(functional.leaky_relu(self.conv8(x7), 0.2))
        return logits


def _twice(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


@pytest.fixture(scope="module")
def published(photograph: Tensor) -> Published:
    torch.manual_seed(0)
    network = Published(8)
    for _ in range(20):  # singular vectors of a trained network have settled
        network(photograph[..., :16, :16])
    return network


def test_published_weights_give_the_same_logits(published: Published, photograph: Tensor) -> None:
    network = UNetDiscriminator(8)
    network.load_state_dict(network.translate(published.state_dict()))
    images = photograph[..., :64, :96]
    assert torch.allclose(network.eval()(images), published.eval()(images), atol=1e-6)
    # One power iteration starts at the other singular vector in torch's newer normalisation: equal once they settle.
    assert torch.allclose(network.train()(images), published.train()(images), atol=2e-3)


def test_names_of_its_own_and_unknown_ones_stay() -> None:
    network = UNetDiscriminator(4)
    own = network.state_dict()
    assert network.translate(own).keys() == own.keys()
    assert list(network.translate({"optimizer.step": torch.zeros(1)})) == ["optimizer.step"]


@pytest.mark.parametrize("norm", NORMS)
def test_as_large_as_the_published_network(norm: Norm) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in UNetDiscriminator(norm=norm).parameters()) == 4_376_897


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [(8, 8), (9, 15), (64, 33), (100, 71)])
def test_one_logit_a_pixel(size: tuple[int, int], norm: Norm, photograph: Tensor) -> None:
    network = UNetDiscriminator(4, norm).eval()
    images = photograph[..., : size[0], : size[1]]
    logits = network(images)
    assert logits.shape == (1, 1, *size)
    assert network.backbone(images).shape == (1, 32, -(-size[0] // 8), -(-size[1] // 8))
    filled = functional.pad(images, (0, -size[1] % 8, 0, -size[0] % 8), mode="replicate")
    assert torch.allclose(network(filled)[..., : size[0], : size[1]], logits, atol=1e-6)


def test_one_pixel_less_than_the_least_size_is_refused() -> None:
    (spec,) = percept_discriminators()
    assert spec.min_size == MIN_SIZE == 8
    for size in ((7, 8), (8, 7)):
        with pytest.raises(ImageError, match="pixel needs at least 8×8 pixels"):
            UNetDiscriminator(4)(torch.rand(2, 3, *size))


def test_spectral_norm_holds_all_but_the_first_and_the_last_at_one() -> None:
    torch.manual_seed(0)
    network = UNetDiscriminator(4).train()
    for _ in range(30):
        network(torch.rand(1, 3, 16, 16))
    network.eval()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() for layer in layers]
    held = [norm == pytest.approx(1, abs=0.03) for norm in norms]
    assert held == [layer.bias is None for layer in layers]
    assert sum(held) == 8


@pytest.mark.parametrize("norm", NORMS)
def test_gradient_penalty_has_a_gradient(norm: Norm, photograph: Tensor) -> None:
    network = UNetDiscriminator(4, norm)
    images = photograph[..., :16, :24].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
    # A piecewise linear network: its slopes do not move with its biases.
    weights = [parameter for name, parameter in network.named_parameters() if not name.endswith("bias")]
    assert all(weight.grad is not None and weight.grad.any() for weight in weights)


def test_learns_where_a_photograph_is_blurred(photograph: Tensor) -> None:
    torch.manual_seed(0)
    image = photograph[..., 50:178, 100:228]
    real = torch.zeros(1, 1, 128, 128)
    real[..., 64:] = 1
    blurred = functional.avg_pool2d(image, 5, 1, 2, count_include_pad=False)
    mixed = torch.where(real > 0, image, blurred)
    network = UNetDiscriminator(8)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(60):
        loss = functional.binary_cross_entropy_with_logits(network(mixed), real)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="at least 1, not 0"):
        UNetDiscriminator(0)
    with pytest.raises(ImageError, match=r"pixel takes \(N, 3, H, W\)"):
        UNetDiscriminator(4)(torch.rand(1, 1, 32, 32))


def test_spec_is_light() -> None:
    code = "import percept_unet_discriminator, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
