"""Weights out of a discriminator into timm, and out of files into a discriminator."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from percept.errors import ComponentError, InputError
from percept_timm.discriminator import TimmDiscriminator
from safetensors.torch import save_file
from torch import Tensor, nn

SMALL = "resnet10t"


def _saved(state: dict[str, Tensor], path: Path) -> str:
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return str(path)


def _normalised(network: nn.Module, images: Tensor) -> Tensor:
    return (images - network.backbone.mean) / network.backbone.std  # type: ignore[union-attr]  # a Backbone


@pytest.mark.parametrize(
    ("name", "spectral"),
    [(SMALL, False), (SMALL, True), ("vit_tiny_patch16_224", True), ("swin_tiny_patch4_window7_224", False)],
)
def test_timm_loads_a_saved_backbone_and_finds_the_same_features(
    name: str, spectral: bool, photograph: Tensor, tmp_path: Path
) -> None:
    network = TimmDiscriminator(name, spectral_norm=spectral).train()
    images = photograph[..., :224, 100:324].contiguous()
    network(images[..., :64, :128].reshape(2, 3, 64, 64))
    file = _saved(network.backbone.state_dict(), tmp_path / "backbone.safetensors")
    theirs = timm.create_model(name, num_classes=0, global_pool="", checkpoint_path=file).eval()
    features = network.eval().backbone(images)
    expected = theirs.forward_features(_normalised(network, images))
    if name.startswith("vit"):
        expected = expected[:, 1:].transpose(1, 2).unflatten(2, (14, 14))
    if name.startswith("swin"):
        expected = expected.permute(0, 3, 1, 2)
    assert torch.allclose(features, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        (SMALL, ("layer4.",)),
        ("convnext_atto", ("stages.3.", "head.")),
        ("mobilenetv3_small_050", ("blocks.", "conv_head.")),
    ],
)
def test_a_truncated_backbone_fills_the_layers_that_it_has(name: str, absent: tuple[str, ...]) -> None:
    state = TimmDiscriminator(name, head="patch").backbone.state_dict()
    missing, unexpected = timm.create_model(name, num_classes=0).load_state_dict(state, strict=False)
    assert unexpected == []
    assert missing
    assert all(key.startswith(absent) for key in missing)


def test_taking_the_backbone_out_changes_nothing_in_training() -> None:
    network = TimmDiscriminator(SMALL, spectral_norm=True, head="patch").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    alone = network.backbone.state_dict()
    assert not any("parametrizations" in name or name.startswith("network.") for name in alone)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("spectral", [False, True])
def test_a_discriminator_loads_what_it_saved(spectral: bool) -> None:
    first, second = (TimmDiscriminator(SMALL, spectral_norm=spectral).eval() for _ in range(2))
    second.load_state_dict(first.state_dict())
    images = torch.rand(1, 3, 40, 40)
    assert torch.equal(first(images), second(images))


def test_its_own_and_timms_files_load_with_and_without_a_classifier(tmp_path: Path) -> None:
    whole = timm.create_model(SMALL)
    torch.save({"epoch": 3, "state_dict": whole.state_dict()}, tmp_path / "whole.pth")
    network = TimmDiscriminator(SMALL, weights=str(tmp_path / "whole.pth"))
    mine = network.backbone.state_dict()
    assert all(torch.equal(value, mine[name]) for name, value in whole.state_dict().items() if "fc" not in name)
    again = TimmDiscriminator(SMALL, weights=_saved(mine, tmp_path / "headless.safetensors"), head="patch")
    truncated = again.backbone.state_dict()
    assert all(torch.equal(value, mine[name]) for name, value in truncated.items())
    once_more = TimmDiscriminator(
        SMALL, weights=_saved(truncated, tmp_path / "patch.safetensors"), spectral_norm=True, head="patch"
    )
    assert torch.equal(once_more.backbone.network.conv1[0].parametrizations.weight.original, mine["conv1.0.weight"])


def test_position_embeddings_of_another_size_are_resized_as_timm_does(tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    small = timm.create_model(name, img_size=96)
    network = TimmDiscriminator(name, weights=_saved(small.state_dict(), tmp_path / "96.safetensors"))
    state = network.backbone.state_dict()
    assert state["pos_embed"].shape == (1, 1 + 14 * 14, 192)
    assert torch.equal(state["pos_embed"][:, :1], small.pos_embed[:, :1])
    assert torch.equal(state["blocks.3.attn.qkv.weight"], small.blocks[3].attn.qkv.weight)


def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    larger = _saved(timm.create_model("resnet18").state_dict(), tmp_path / "resnet18.safetensors")
    with pytest.raises(ComponentError) as caught:
        TimmDiscriminator(SMALL, weights=larger, head="patch")
    message = str(caught.value)
    assert message.startswith(f"timm-patch: {larger} does not fit resnet10t: layer2.0.downsample.1.weight is (128,), ")
    assert message.count(";") == 2
    assert message.endswith("conv1.0.weight (24, 3, 3, 3) is absent and 86 more")
    state = timm.create_model(SMALL).state_dict()
    state["layer1.0.conv1.weight"] = torch.zeros(8, 64, 3, 3)
    reason = r"layer1.0.conv1.weight is \(8, 64, 3, 3\), the network's is \(64, 64, 3, 3\)$"
    with pytest.raises(ComponentError, match=reason):
        TimmDiscriminator(SMALL, weights=_saved(state, tmp_path / "narrow.safetensors"))
    # A deeper network of the same family has all that the shallower one needs, and yet is another.
    deeper = _saved(timm.create_model("resnet34").state_dict(), tmp_path / "resnet34.safetensors")
    with pytest.raises(ComponentError, match=r"does not fit resnet18: layer1.2.* is not in the network;"):
        TimmDiscriminator("resnet18", weights=deeper)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this code ran",))


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil, damaged, other = (tmp_path / f"{name}.pth" for name in ("evil", "damaged", "other"))
    torch.save({"conv1.weight": _Evil()}, evil)
    damaged.write_bytes(b"PK\x03\x04 nothing")
    torch.save([torch.zeros(1)], other)
    for path in (evil, damaged, other):
        with pytest.raises(InputError, match=rf"^{path}: (refused|not a checkpoint that|holds a list)") as caught:
            TimmDiscriminator(SMALL, weights=str(path))
        assert "\n" not in str(caught.value)
    assert "this code ran" not in capsys.readouterr().out
    with pytest.raises(InputError, match=r"^imagenet: no such checkpoint$"):
        TimmDiscriminator(SMALL, weights="imagenet")


def test_timms_weights_that_cannot_be_had_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **options: object) -> None:
        assert options["pretrained"]
        raise OSError("no route to the hub\nand a long story")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(ComponentError) as caught:
        TimmDiscriminator("resnet10t.c3_in1k", weights="timm")
    assert str(caught.value) == (
        "timm-vanilla: timm's weights of resnet10t.c3_in1k cannot be had (OSError: no route to the hub); "
        "write weights: none, or the path of a file that holds them"
    )
