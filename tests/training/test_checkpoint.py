from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from percept.errors import InputError
from percept.training.checkpoint import plain_weights
from percept.weights import load_weights, read_weights
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


@pytest.mark.parametrize("wrapper", [(), ("params",), ("params_ema",), ("state_dict",), ("model", "state_dict")])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_wrappers_are_taken_off(wrapper: tuple[str, ...], prefix: str, tmp_path: Path) -> None:
    network = nn.Conv2d(3, 4, 1)
    content: Any = {prefix + name: value for name, value in network.state_dict().items()}
    for name in wrapper:
        content = {name: content, "epoch": 3}
    torch.save(content, tmp_path / "x.pth")
    other = nn.Conv2d(3, 4, 1)
    load_weights(other, read_weights(tmp_path / "x.pth"), "x")
    assert torch.equal(other.weight, network.weight)


def test_an_average_goes_before_the_last_weights(tmp_path: Path) -> None:
    last, average = ({"weight": torch.full((1,), value)} for value in (1.0, 2.0))
    torch.save({"params": last, "params_ema": average}, tmp_path / "x.pth")
    assert read_weights(tmp_path / "x.pth")["weight"].item() == 2.0


def test_a_network_translates_published_names() -> None:
    class Renamed(nn.Conv2d):
        def translate(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name.replace("conv_first.", ""): value for name, value in weights.items()}

    network, published = Renamed(3, 4, 1), nn.Conv2d(3, 4, 1).state_dict()
    load_weights(network, {f"conv_first.{name}": value for name, value in published.items()}, "x")
    assert torch.equal(network.weight, published["weight"])


def test_what_does_not_fit_is_named_shapes_first() -> None:
    given = {"weight": torch.zeros(4, 3, 3, 3), "scale": torch.zeros(2)}
    with pytest.raises(InputError) as error:
        load_weights(nn.Conv2d(3, 4, 1), given, "x.pth")
    assert str(error.value) == (
        "x.pth: does not fit Conv2d: weight is (4, 3, 3, 3), the network's is (4, 3, 1, 1); "
        "bias (4,) is absent; scale (2,) is not in the network"
    )


def test_plain_weights_are_those_that_act() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        spectral_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4), spectral_norm(nn.Conv2d(4, 2, 3))
    ).eval()
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3)).eval()
    plain.load_state_dict(plain_weights(network))
    images = torch.rand(1, 3, 8, 8)
    assert torch.equal(plain(images), network(images))


def test_plain_weights_of_a_single_layer() -> None:
    layer = spectral_norm(nn.Linear(3, 2)).eval()
    assert set(plain_weights(layer)) == {"weight", "bias"}


@pytest.mark.parametrize("content", [b"", b"nr_class 2\ntotal_sv 774\n", b"\x80\x02}q\x00(X", b"PK\x03\x04rubbish"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_something_else_is_told_in_one_line(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.\w+: (not a checkpoint that can be read|refused)") as error:
        read_weights(path)
    assert len(str(error.value).splitlines()) == 1
