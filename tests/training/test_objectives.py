from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from percept.stages import optimize_schema
from percept.training.ground_truths import Rule
from percept.training.objectives import OBJECTIVES
from percept.training.optimizers import OPTIMIZERS, SCHEDULES
from percept.training.penalties import gradient_penalty, r1
from torch import nn

ZERO = torch.zeros(3, 1, 2, 2)
LOG2 = math.log(2)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("vanilla", 2 * LOG2, LOG2),
        ("hinge", 2.0, 0.0),
        ("lsgan", 1.0, 1.0),
        ("wgan-gp", 0.0, 0.0),
        ("relativistic", LOG2, LOG2),
    ],
)
def test_values_of_an_undecided_discriminator(name: str, discriminator: float, generator: float) -> None:
    objective = OBJECTIVES[name]
    assert objective.discriminator(ZERO, ZERO, torch.mean).item() == pytest.approx(discriminator)
    assert objective.generator(ZERO, ZERO, torch.mean).item() == pytest.approx(generator)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_side_wants_what_it_should(name: str) -> None:
    objective = OBJECTIVES[name]
    real = torch.full((2, 1, 3, 3), 0.5, requires_grad=True)
    fake = torch.full((2, 1, 3, 3), 0.2, requires_grad=True)
    objective.discriminator(real, fake, torch.mean).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    again = fake.detach().requires_grad_()
    objective.generator(real.detach(), again, torch.mean).backward()
    assert again.grad is not None
    assert (again.grad < 0).all()


def test_relativistic_value_of_a_known_pair() -> None:
    real, fake = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), -1.0)
    assert OBJECTIVES["relativistic"].discriminator(real, fake, torch.mean).item() == pytest.approx(
        math.log1p(math.exp(-3))
    )
    assert OBJECTIVES["relativistic"].generator(real, fake, torch.mean).item() == pytest.approx(math.log1p(math.exp(3)))


class Linear(nn.Module):
    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.slope * images.mean(dim=(1, 2, 3), keepdim=True)


def test_gradient_penalty_of_a_linear_critic() -> None:
    # The gradient of slope · mean is slope / n at every one of n pixels, so its norm is slope / √n.
    real, fake = torch.rand(4, 3, 5, 5), torch.rand(4, 3, 5, 5)
    norm = 2.0 / math.sqrt(75)
    penalty = gradient_penalty(Linear(2.0), real, fake, torch.rand)
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-4)


def test_gradient_penalty_of_a_critic_that_ignores_its_input_is_finite() -> None:
    critic = Linear(0.0)
    penalty = gradient_penalty(critic, torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.rand)
    penalty.backward()
    assert critic.slope.grad is not None
    assert critic.slope.grad.isfinite()


def test_r1_of_a_linear_critic() -> None:
    # ‖∇‖² is slope² / n at every image: half its mean is the penalty.
    penalty = r1(Linear(2.0), torch.rand(4, 3, 5, 5), torch.rand(4, 3, 5, 5), torch.rand)
    assert penalty.item() == pytest.approx(4 / 75 / 2, rel=1e-4)


@pytest.mark.parametrize("name", [n for n, o in OBJECTIVES.items() if o.smoothing])
def test_smoothed_labels_are_the_loss_for_a_label_below_one(name: str) -> None:
    real, fake = torch.randn(5, 1, 2, 2), torch.randn(5, 1, 2, 2)
    objective = OBJECTIVES[name]
    assert objective.smoothing is not None
    smoothed = objective.discriminator(real, fake, torch.mean) + objective.smoothing(real, 0.1)
    label = torch.full_like(real, 0.9)
    if name == "vanilla":
        cross = torch.nn.functional.binary_cross_entropy_with_logits
        expected = cross(real, label) + cross(fake, torch.zeros_like(fake))
    else:
        expected = (real - label).square().mean() + fake.square().mean()
    assert smoothed.item() == pytest.approx(expected.item(), rel=1e-5)


def test_schema_offers_what_the_engine_has() -> None:
    assert tuple(OBJECTIVES) == optimize_schema.OBJECTIVES
    assert OPTIMIZERS == optimize_schema.OPTIMIZERS
    assert SCHEDULES == optimize_schema.SCHEDULES
    assert get_args(Rule) == optimize_schema.GROUND_TRUTHS
    assert tuple(n for n, o in OBJECTIVES.items() if o.smoothing) == optimize_schema.SMOOTHED


class Square(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.square().sum(dim=(1, 2, 3), keepdim=True) / 2


def test_r1_looks_at_real_images_alone() -> None:
    # The gradient of ½‖x‖² is x.
    real, fake = torch.rand(4, 3, 5, 5), torch.rand(4, 3, 5, 5)
    assert r1(Square(), real, fake, torch.rand).item() == pytest.approx(real.square().sum().item() / 4 / 2, rel=1e-5)


def test_gradient_penalty_looks_between_the_two() -> None:
    real, fake = torch.zeros(2, 3, 5, 5), torch.ones(2, 3, 5, 5)
    quarter = gradient_penalty(Square(), real, fake, lambda count: torch.full((count,), 0.25))
    assert quarter.item() == pytest.approx((0.25 * math.sqrt(75) - 1) ** 2, rel=1e-4)
