from __future__ import annotations

import copy

import pytest
import torch
from percept.errors import InputError
from percept.training.averaging import averaged
from percept.training.lora import adaptable, adapters_of, add_adapters, merge_adapters, merged
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Flattened(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return features.mean((2, 3))


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 8, 3, groups=1),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3, stride=2, groups=2),
        Flattened(),
        nn.Linear(6, 4),
    )
    return nn.Sequential(*layers)


def trained(rank: int = 2, alpha: float = 4.0, targets: list[str] | None = None) -> tuple[nn.Module, nn.Module, Tensor]:
    """The network as it was, and after some steps of its adapters; an input."""
    before, made = network(), network()
    add_adapters(made, rank, alpha, targets or ["*"])
    inputs = torch.rand(2, 3, 12, 12)
    optimizer = torch.optim.Adam((p for p in made.parameters() if p.requires_grad), 1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        made(inputs).square().mean().backward()
        optimizer.step()
    return before, made, inputs


def test_at_first_nothing_changes() -> None:
    before, made, inputs = network(), network(), torch.rand(1, 3, 9, 9)
    add_adapters(made, 3, 3.0, ["*"])
    assert torch.equal(before(inputs), made(inputs))


def test_only_the_updates_learn() -> None:
    before, made, inputs = trained()
    assert not torch.allclose(before(inputs), made(inputs), atol=1e-3)
    for name, layer in adaptable(before):
        assert torch.equal(layer.weight, made.get_submodule(name).parametrizations.weight.original)  # type: ignore[arg-type, union-attr]
        assert torch.equal(layer.bias, made.get_submodule(name).bias)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "rows", "columns"), [("0", 8, 27), ("2", 6, 36), ("4", 4, 6)])
def test_an_update_is_alpha_over_rank_times_b_a(name: str, rows: int, columns: int) -> None:
    before, made, _ = trained(rank=2, alpha=4.0)
    saved = adapters_of(made)
    a, b, scale = (saved[f"{name}.lora_{part}"] for part in ("a", "b", "scale"))
    assert (tuple(b.shape), tuple(a.shape), scale.item()) == ((rows, 2), (2, columns), 2.0)
    change = made.get_submodule(name).weight - before.get_submodule(name).weight  # type: ignore[operator]
    torch.testing.assert_close(change.flatten(1), 2.0 * (b @ a))
    assert torch.linalg.matrix_rank(change.flatten(1)) <= 2


def test_merged_weights_are_a_plain_network_that_does_the_same() -> None:
    _, made, inputs = trained()
    plain = network()
    plain.load_state_dict(merged(made))
    torch.testing.assert_close(plain(inputs), made(inputs))


def test_saved_alone_and_merged_into_the_base_again() -> None:
    base, made, inputs = trained(targets=["0", "4"])
    saved = adapters_of(made)
    assert {key.partition(".")[0] for key in saved} == {"0", "4"}
    merge_adapters(base, saved, "a.safetensors")
    torch.testing.assert_close(base(inputs), made(inputs))


def test_an_average_keeps_adapters_of_its_own() -> None:
    _, made, inputs = trained()
    average = averaged(made, 0.5)
    average.update_parameters(made)
    own = copy.deepcopy(adapters_of(average.module))
    with torch.no_grad():
        for update in (p for p in made.parameters() if p.requires_grad):
            update.add_(1.0)
    average.update_parameters(made)
    assert not torch.equal(own["0.lora_b"], adapters_of(average.module)["0.lora_b"])
    assert average.module(inputs).isfinite().all()


def test_layers_whose_weight_is_made_already_are_left_out() -> None:
    made = nn.Sequential(spectral_norm(nn.Conv2d(3, 3, 3)), nn.Conv2d(3, 3, 3))
    assert add_adapters(made, 1, 1.0, ["*"]) == ["1"]


def test_targets_that_match_nothing_are_answered_with_what_there_is() -> None:
    with pytest.raises(InputError, match=r"^optimize.lora.targets: attn\* fits no .* layer; there are 0, 2, 4, …$"):
        add_adapters(network(), 1, 1.0, ["0", "attn*"])


def test_an_adapter_that_does_not_fit_says_why() -> None:
    base, made, _ = trained()
    saved = adapters_of(made)
    with pytest.raises(InputError, match=r"^x: adapts 4, which Sequential does not have$"):
        merge_adapters(nn.Sequential(*list(base)[:4]), saved, "x")  # type: ignore[call-overload]
    other = nn.Sequential(nn.Conv2d(3, 8, 5))
    with pytest.raises(InputError, match=r"^x: 0 is 8×27, the network's weight is \(8, 3, 5, 5\)$"):
        merge_adapters(other, {k: v for k, v in saved.items() if k.startswith("0")}, "x")
    for part, value in (("a", torch.zeros(3, 27)), ("b", torch.zeros(8)), ("scale", torch.zeros(5))):
        with pytest.raises(InputError, match=r"^x: 0 is no low-rank update: its a, b and scale are \("):
            merge_adapters(base, {**saved, f"0.lora_{part}": value}, "x")
    with pytest.raises(InputError, match=r"^x: 0.lora_scale is not finite"):
        merge_adapters(base, {**saved, "0.lora_scale": torch.tensor(torch.nan)}, "x")
    with pytest.raises(InputError, match=r"^x: holds no low-rank update of 0"):
        merge_adapters(base, base.state_dict(), "x")


def test_statistics_of_batch_norms_stay() -> None:
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 3, 3)).train()
    before = copy.deepcopy(made)
    add_adapters(made, 1, 1.0, ["*"])
    for _ in range(5):
        made(torch.rand(2, 3, 12, 12) + 3)
    merge_adapters(before, adapters_of(made), "a.safetensors")
    inputs = torch.rand(2, 3, 12, 12)
    torch.testing.assert_close(before.eval()(inputs), made(inputs))
    assert made[0].training


@pytest.mark.parametrize("layers", [1, 2])
def test_a_weight_of_two_places_is_refused(layers: int) -> None:
    """One layer used twice, or two layers with one weight."""
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    made = nn.Sequential(first, first if layers == 1 else second, nn.Linear(4, 4))
    with pytest.raises(InputError, match=r"^optimize.lora.targets: 0.weight and 1.weight are one weight; name other"):
        add_adapters(made, 1, 1.0, ["*"])
    assert add_adapters(made, 1, 1.0, ["2"]) == ["2"]
