from __future__ import annotations

import math

import pytest
import torch
from percept.stages import optimize
from percept.training.objectives import OBJECTIVES, gradient_penalty
from percept.training.optimizers import OPTIMIZERS, SCHEDULES
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
    assert objective.discriminator(ZERO, ZERO).item() == pytest.approx(discriminator)
    assert objective.generator(ZERO, ZERO).item() == pytest.approx(generator)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_side_wants_what_it_should(name: str) -> None:
    objective = OBJECTIVES[name]
    real = torch.full((2, 1, 3, 3), 0.5, requires_grad=True)
    fake = torch.full((2, 1, 3, 3), 0.2, requires_grad=True)
    objective.discriminator(real, fake).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    again = fake.detach().requires_grad_()
    objective.generator(real.detach(), again).backward()
    assert again.grad is not None
    assert (again.grad < 0).all()


def test_relativistic_value_of_a_known_pair() -> None:
    real, fake = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), -1.0)
    assert OBJECTIVES["relativistic"].discriminator(real, fake).item() == pytest.approx(math.log1p(math.exp(-3)))
    assert OBJECTIVES["relativistic"].generator(real, fake).item() == pytest.approx(math.log1p(math.exp(3)))


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
    penalty = gradient_penalty(Linear(2.0), real, fake, torch.Generator().manual_seed(0))
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-4)


def test_gradient_penalty_of_a_critic_that_ignores_its_input_is_finite() -> None:
    critic = Linear(0.0)
    penalty = gradient_penalty(critic, torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.Generator())
    penalty.backward()
    assert critic.slope.grad is not None
    assert critic.slope.grad.isfinite()


def test_schema_offers_what_the_engine_has() -> None:
    adversarial = optimize.SCHEMA.fields["adversarial"].schema.fields  # type: ignore[attr-defined]  # a Section
    assert adversarial["objective"].choices == tuple(OBJECTIVES)
    assert optimize.SCHEMA.fields["optimizer"].schema.fields["use"].choices == OPTIMIZERS  # type: ignore[attr-defined]
    assert optimize.SCHEMA.fields["schedule"].schema.fields["use"].choices == SCHEDULES  # type: ignore[attr-defined]
