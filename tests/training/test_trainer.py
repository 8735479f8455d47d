from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from percept.contracts import Sample
from percept.errors import DataError
from percept.training.adversary import Adversary
from percept.training.averaging import averaged
from percept.training.degrade import Chain
from percept.training.guard import LIMIT, DivergedError
from percept.training.optimizers import build_optimizer, build_schedule
from percept.training.patches import PatchSampler
from percept.training.runtime import Runtime
from percept.training.terms import Term, labels
from percept.training.trainer import Adversarial, Trainer
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

ADAM = {"use": "adam", "lr": 1e-3, "betas": [0.9, 0.99], "weight-decay": 0.0, "momentum": 0.9}
COSINE = {"use": "cosine", "milestones": [], "gamma": 0.5, "floor": 0.0}
STEPS = 12


class Photos:
    """Two pictures of random blobs; the sampler needs no more of a dataset."""

    def __init__(self, *sizes: tuple[int, int]) -> None:
        rng = torch.Generator().manual_seed(0)
        self.ids = [f"p{i}" for i in range(len(sizes))]
        self.images = [torch.rand(3, *size, generator=rng) for size in sizes]

    def fingerprint(self) -> str:
        return "0"

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.ids[index], self.images[index])


class Halve:
    scale = 2

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return nn.functional.avg_pool2d(target, 2)


class Noise:
    scale = 1

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return target + 0.1 * torch.randn(target.shape, generator=rng)


def l1(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).abs().mean(dim=(1, 2, 3))


class Doomed(nn.Module):
    """A loss that is NaN in the steps of `bad`."""

    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.bad, self.calls = bad, 0

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.calls += 1
        return l1(output, target) * (float("nan") if self.calls in self.bad else 1.0)


def generator() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2)
    )


def discriminator() -> nn.Module:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(3, 8, 4, 2, 1)), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3)
    )


def trainer(
    objective: str | None = None, loss: Any = l1, starts_at: int = 0, ema: float = 0.0, optimizer: Any = ADAM
) -> Trainer:
    torch.manual_seed(0)
    runtime = Runtime(torch.device("cpu"), torch.float32, 1, True)
    made = generator()
    adam = build_optimizer(made.parameters(), optimizer)
    sampler = PatchSampler(Photos((20, 30), (33, 17)), Chain([Halve()], False), 16, 4, True, seed=3)
    adversarial = None
    if objective:
        critic = discriminator()
        its_adam = build_optimizer(critic.parameters(), ADAM)
        adversary = Adversary(critic, objective, its_adam, torch.Generator().manual_seed(5))
        adversarial = Adversarial(adversary, build_schedule(its_adam, COSINE, STEPS), 0.1, starts_at)
    average = averaged(made, ema) if ema else None
    schedule = build_schedule(adam, COSINE, STEPS)
    return Trainer(runtime, made, adam, schedule, sampler, [Term("l1", 1.0, loss)], adversarial, average)


def weights(made: Trainer) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in made.generator.state_dict().items()}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("objective", [None, "vanilla", "hinge", "lsgan", "wgan-gp", "relativistic"])
def test_losses_are_finite_and_weights_move(objective: str | None) -> None:
    made = trainer(objective)
    before = weights(made)
    losses = [made.advance() for _ in range(3)]
    assert all(value.isfinite() for step in losses for value in step.values())
    assert not same(before, weights(made))
    expected = {"l1"} | ({"discriminator", "adversarial"} if objective else set())
    assert set(losses[0]) == expected | ({"gradient-penalty"} if objective == "wgan-gp" else set())


@pytest.mark.parametrize("objective", [None, "vanilla", "wgan-gp", "relativistic"])
def test_resumed_in_the_middle_ends_bit_equal(objective: str | None, tmp_path: Any) -> None:
    from percept.training.checkpoint import load_state, save_state

    straight = trainer(objective, starts_at=2, ema=0.9)
    for _ in range(STEPS):
        straight.advance()
    first = trainer(objective, starts_at=2, ema=0.9)
    for _ in range(5):
        first.advance()
    save_state(tmp_path / "state.pt", first.state_dict())
    torch.manual_seed(99)
    second = trainer(objective, starts_at=2, ema=0.9)
    state = load_state(tmp_path / "state.pt")
    assert state is not None
    second.load_state_dict(state)
    while second.step < STEPS:
        second.advance()
    assert same(weights(straight), weights(second))
    assert straight.ema is not None
    assert second.ema is not None
    assert same(straight.ema.state_dict(), second.ema.state_dict())


def test_warm_up_leaves_the_discriminator_alone() -> None:
    made = trainer("vanilla", starts_at=2)
    assert made.adversarial is not None
    critic = made.adversarial.adversary.discriminator
    before = copy.deepcopy(critic.state_dict())
    assert set(made.advance()) == {"l1"}
    made.advance()
    assert same(before, critic.state_dict())
    assert "adversarial" in made.advance()
    assert not same(before, critic.state_dict())


def test_generator_term_gives_the_discriminator_no_gradient() -> None:
    made = trainer("vanilla")
    assert made.adversarial is not None
    adversary = made.adversarial.adversary
    adversary.optimizer.zero_grad(set_to_none=True)
    fake = torch.rand(2, 3, 16, 16, requires_grad=True)
    adversary.generator_term(torch.rand(2, 3, 16, 16), fake).backward()
    assert fake.grad is not None
    assert all(p.grad is None for p in adversary.discriminator.parameters())


def test_nan_step_is_skipped_without_a_trace() -> None:
    made = trainer(loss=Doomed({2}))
    made.advance()
    before = weights(made)
    made.advance()
    assert same(before, weights(made))
    assert made.guard.skipped == 1
    made.advance()
    assert not same(before, weights(made))
    assert made.guard.in_a_row == 0


def test_ten_nan_steps_in_a_row_end_the_run() -> None:
    made = trainer(loss=Doomed(set(range(3, 100))))
    with pytest.raises(
        DivergedError, match=r"10 steps in a row, up to step 12 \(l1 nan\).*lower optimize.optimizer.lr"
    ):
        for _ in range(2 + LIMIT):
            made.advance()


def test_average_averages_parameters_and_copies_buffers() -> None:
    made = trainer(ema=0.5)
    made.advance()
    made.advance()
    assert made.ema is not None
    mine, mean = made.generator.state_dict(), made.ema.module.state_dict()
    assert torch.equal(mine["1.running_mean"], mean["1.running_mean"])
    assert not torch.equal(mine["0.weight"], mean["0.weight"])


def test_patches_are_aligned_and_of_equal_seed_equal() -> None:
    chain = Chain([Halve()], stochastic=False)
    one = PatchSampler(Photos((20, 30), (33, 17)), chain, 8, 5, True, seed=1)
    two = PatchSampler(Photos((20, 30), (33, 17)), chain, 8, 5, True, seed=1)
    for _ in range(5):
        degraded, target = one.next()
        assert degraded.shape == (5, 3, 4, 4)
        assert torch.allclose(degraded, nn.functional.avg_pool2d(target, 2), atol=1e-6)
        again = two.next()
        assert torch.equal(degraded, again[0])
        assert torch.equal(target, again[1])


def test_stochastic_degradation_is_drawn_afresh() -> None:
    sampler = PatchSampler(Photos((8, 8)), Chain([Noise()], stochastic=True), 8, 1, False, seed=1)
    (first, target), (second, same_target) = sampler.next(), sampler.next()
    assert torch.equal(target, same_target)
    assert not torch.equal(first, second)


def test_image_smaller_than_the_patch_is_named() -> None:
    with pytest.raises(DataError, match=r"^p1: 12×40 pixels, smaller than optimize.patch 16; lower it or leave"):
        PatchSampler(Photos((20, 30), (40, 13)), Chain([Halve()], False), 16, 4, True, seed=0)


def test_two_losses_of_one_name_keep_apart() -> None:
    assert labels(["l1", "ssim", "l1", "l1"]) == ["l1", "ssim", "l1-2", "l1-3"]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "multistep", "one-cycle"])
def test_schedules_reach_their_last_step(schedule: str) -> None:
    optimizer = build_optimizer(generator().parameters(), {**ADAM, "use": "sgd"})
    made = build_schedule(optimizer, {**COSINE, "use": schedule, "milestones": [5]}, STEPS)
    for _ in range(STEPS):
        optimizer.step()
        made.step()
    rate = optimizer.param_groups[0]["lr"]
    expected = {"constant": 1e-3, "cosine": 0.0, "multistep": 5e-4, "one-cycle": 4e-9}
    assert rate == pytest.approx(expected[schedule], abs=1e-8)
