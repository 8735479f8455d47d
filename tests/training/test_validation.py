from __future__ import annotations

from typing import Any

import pytest
import torch
from percept.contracts import Sample
from percept.errors import PerceptError
from percept.training.degrade import Chain
from percept.training.validation import Validation
from torch import Tensor, nn


class Two:
    ids = ("a", "b")

    def fingerprint(self) -> str:
        return "0"

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], torch.full((3, 4, 4), 0.25 * (index + 1)))


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.factor * images)
        return output


def validation(higher: bool = False, score: Any = None) -> Validation:
    distance = score or (lambda output, target: (output - target).abs().mean().item())
    return Validation(Two(), Chain([], False), lambda net, x: net(x).detach(), distance, "l1", higher, every=3)


def test_looks_when_due_and_at_the_end() -> None:
    made = validation()
    assert [made.due(step, 8) for step in range(1, 9)] == [False, False, True, False, False, True, False, True]


def test_mean_over_images_in_eval_mode() -> None:
    network = Scaled(2.0).train()
    assert validation().look(network, 3) == pytest.approx((0.25 + 0.5) / 2)
    assert network.training


@pytest.mark.parametrize(("higher", "best"), [(False, 1.2), (True, 3.0)])
def test_the_best_weights_stay(higher: bool, best: float) -> None:
    made = validation(higher)
    for step, factor in enumerate((2.0, 1.2, 3.0, 1.5)):
        made.look(Scaled(factor), step)
    assert made.best["factor"].item() == pytest.approx(best)
    assert made.best_step == (2 if higher else 1)


def test_kept_weights_do_not_follow_the_network_and_survive_a_resume() -> None:
    made, network = validation(), Scaled(1.1)
    made.look(network, 1)
    with torch.no_grad():
        network.factor.fill_(9.0)
    again = validation()
    again.load_state_dict(made.state_dict())
    again.look(network, 2)
    assert again.best["factor"].item() == pytest.approx(1.1)
    assert again.best_step == 1


def test_looking_draws_no_random_numbers() -> None:
    made = validation(score=lambda output, target: torch.rand(()).item())
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    made.look(Scaled(1.0), 1)
    assert torch.equal(torch.rand(3), expected)


def test_a_score_that_is_not_finite_names_its_image() -> None:
    with pytest.raises(PerceptError, match=r"^optimize.validate: l1 of a is nan"):
        validation(score=lambda output, target: float("nan")).look(Scaled(1.0), 1)


def test_the_first_of_equals_stays() -> None:
    made = validation()
    for step in (3, 6, 9):
        made.look(Scaled(1.5), step)
    assert made.best_step == 3


def test_a_frozen_layer_stays_frozen() -> None:
    network = nn.Sequential(Scaled(1.0), nn.Dropout(0.5)).train()
    network[0].eval()
    validation().look(network, 3)
    assert (network.training, network[0].training, network[1].training) == (True, False, True)
