from __future__ import annotations

import copy
import subprocess
import sys
from typing import get_args

import pytest
import timm
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_timm import percept_discriminators
from percept_timm.discriminator import Head, TimmDiscriminator
from percept_timm.network import HardSigmoid
from torch import Tensor, nn
from torch.nn import functional

HEADS = get_args(Head)
# Name, parameters as published less the classifier's and an unused mask token's, least side of either head.
BACKBONES = [
    ("resnet10t", 5_435_488 - 513_000, 32, 16),
    ("mobilenetv3_small_050", None, 32, 16),
    ("convnext_atto", None, 32, 16),
    ("vit_tiny_patch16_224", 5_717_416 - 193_000, 16, 16),
    ("swin_tiny_patch4_window7_224", 28_288_354 - 769_000, 32, 16),
    ("vit_small_patch14_dinov2", 22_056_576 - 384, 14, 14),
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("name", "parameters", "image", "patch"), BACKBONES)
def test_any_size_is_judged_and_every_parameter_learns(
    name: str, parameters: int | None, image: int, patch: int, head: Head, photograph: Tensor
) -> None:
    network = TimmDiscriminator(name, head=head)
    stride = patch if head == "patch" else image
    assert network.min_size == stride
    with torch.no_grad():
        for height, width in ((stride, stride), (65, 79)):
            logits = network.eval()(photograph[..., :height, :width])
            features = network.backbone(photograph[..., :height, :width])
            rows, columns = features.shape[-2:]
            assert rows in (height // stride, -(-height // stride))
            assert columns in (width // stride, -(-width // stride))
            assert logits.shape == ((1, 1, rows, columns) if head == "patch" else (1, 1, 1, 1))
    with pytest.raises(ImageError, match=f"timm-{head} needs at least {stride}×{stride} pixels"):
        network(photograph[..., : stride - 1, :stride])
    network.train()(photograph[..., :64, :128].reshape(2, 3, 64, 64)).square().mean().backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []
    if parameters and head == "vanilla":
        assert sum(p.numel() for p in network.backbone.parameters()) == parameters


def test_vgg_ends_at_its_last_convolution_and_has_no_hidden_layers() -> None:
    network = TimmDiscriminator("vgg11_bn", head="patch")
    assert network.eval()(torch.rand(1, 3, 48, 40)).shape == (1, 1, 3, 2)
    # Torchvision's vgg11_bn has 132,868,840 parameters, 123,642,856 of them in three fully connected layers.
    assert sum(p.numel() for p in network.backbone.parameters()) == 132_868_840 - 123_642_856


@pytest.mark.parametrize(("head", "spectral"), [("vanilla", False), ("patch", True)])
@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "mobilenetv3_small_050", "vit_tiny_patch16_224"])
def test_gradient_penalty_has_a_gradient(name: str, head: Head, spectral: bool, photograph: Tensor) -> None:
    torch.manual_seed(0)
    network = TimmDiscriminator(name, spectral_norm=spectral, head=head)
    with torch.no_grad():
        for parameter in network.parameters():  # some branches start with a factor of zero
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    images = photograph[..., :64, :128].reshape(2, 3, 64, 64).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
    found = {key: value.grad for key, value in network.named_parameters() if value.ndim > 1}
    assert [key for key, grad in found.items() if grad is None or not grad.isfinite().all() or not grad.any()] == []


def test_gate_of_mobile_networks_is_the_same_function() -> None:
    points = torch.linspace(-5, 5, 101)
    assert torch.allclose(HardSigmoid()(points), functional.hardsigmoid(points), atol=1e-7)


def test_images_are_normalised_by_the_backbones_own_mean(photograph: Tensor) -> None:
    network = TimmDiscriminator("vit_tiny_patch16_224").eval()
    same = timm.create_model("vit_tiny_patch16_224", num_classes=0, dynamic_img_size=True).eval()
    same.load_state_dict(network.backbone.state_dict())
    tokens = same.forward_features(2 * photograph[..., :48, :64] - 1)[:, 1:]
    features = network.backbone(photograph[..., :48, :64])
    assert torch.allclose(features.flatten(2).transpose(1, 2), tokens, atol=1e-5)
    logits = functional.linear(tokens.mean(1), network.head.weight, network.head.bias)
    assert torch.allclose(network(photograph[..., :48, :64]).flatten(1), logits, atol=1e-5)


def test_nothing_in_it_is_random(photograph: Tensor) -> None:
    network = TimmDiscriminator("swin_tiny_patch4_window7_224", head="patch")  # timm's default drops paths
    images = photograph[..., :32, :32]
    assert torch.equal(network.train()(images), network.eval()(images))


def test_weights_follow_the_seed() -> None:
    networks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        networks.append(TimmDiscriminator("convnext_atto", head="patch"))
    first, same, other = (torch.cat([p.flatten() for p in network.parameters()]) for network in networks)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("features", "stride", "channels"), [(0, 2, 64), (2, 8, 128), (-1, 32, 512), (None, 16, 256)])
def test_any_stage_can_be_asked_for(features: int | None, stride: int, channels: int) -> None:
    network = TimmDiscriminator("resnet10t", features=features, head="patch").eval()
    assert network.min_size == stride
    assert network.backbone(torch.rand(1, 3, 64, 64)).shape == (1, channels, 64 // stride, 64 // stride)


def test_spectral_norm_holds_every_layer_of_backbone_and_head_at_one() -> None:
    torch.manual_seed(0)
    network = TimmDiscriminator("vit_tiny_patch16_224", spectral_norm=True, features=1).train()
    for _ in range(30):
        network(torch.rand(1, 3, 32, 32))
    layers = [layer for layer in network.eval().modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 1 + 2 * 4 + 1
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_batch_norm_on_a_single_value_is_refused_with_a_way_out() -> None:
    network = TimmDiscriminator("resnet10t")
    with pytest.raises(ImageError, match="resnet10t cannot learn batch statistics from 1 image of 32×32; use a larger"):
        network.train()(torch.rand(1, 3, 32, 32))
    assert network.eval()(torch.rand(1, 3, 32, 32)).isfinite().all()
    assert network.train()(torch.rand(2, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_autocast_channels_last_and_copies_give_the_same(name: str, photograph: Tensor) -> None:
    network = TimmDiscriminator(name, spectral_norm=True, head="patch").eval()
    images = photograph[..., :64, :64]
    logits = network(images)
    other = copy.deepcopy(network).to(memory_format=torch.channels_last)
    assert torch.allclose(other(images.contiguous(memory_format=torch.channels_last)), logits, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(network(images).float(), logits, atol=0.05)


@pytest.mark.parametrize("head", HEADS)
def test_learns_to_tell_a_photograph_from_its_blurred_self(head: Head, photograph: Tensor) -> None:
    torch.manual_seed(0)
    real = photograph[..., 100:164, 60:316].reshape(1, 3, 64, 4, 64).transpose(1, 3).flatten(0, 1).transpose(1, 2)
    both = torch.cat([real, functional.avg_pool2d(real, 5, 1, 2, count_include_pad=False)])
    sign = torch.tensor([1.0] * 4 + [-1.0] * 4).view(8, 1, 1, 1)
    network = TimmDiscriminator("resnet10t", head=head)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(15):
        loss = functional.softplus(-sign * network(both)).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match=r"timm-patch: timm knows no backbone 'resnet8'; did you mean resnet"):
        TimmDiscriminator("resnet8", head="patch")
    with pytest.raises(ComponentError, match=r"timm knows no backbone '\?'; see timm.list_models"):
        TimmDiscriminator("?")
    with pytest.raises(
        ComponentError, match=r"timm cannot build resnet10t\.none: RuntimeError: Invalid pretrained tag"
    ):
        TimmDiscriminator("resnet10t.none")
    with pytest.raises(ComponentError, match="features: 5 is no stage; there are 0 to 4, of stride 2, 4, 8, 16, 32"):
        TimmDiscriminator("resnet10t", features=5)
    with pytest.raises(ComponentError, match="test_vit_relpos takes images of certain sizes only; use one that takes"):
        TimmDiscriminator("test_vit_relpos")
    with pytest.raises(ImageError, match=r"timm-vanilla takes \(N, 3, H, W\)"):
        TimmDiscriminator("resnet10t")(torch.rand(3, 64, 64))


def test_specs_say_the_head_and_the_least_size() -> None:
    for spec in percept_discriminators():
        network = TimmDiscriminator(**spec.arguments)
        assert (network.who, network.min_size) == (spec.name, spec.min_size)


def test_spec_is_light() -> None:
    code = "import percept_timm, sys; print({'torch', 'numpy', 'timm'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
