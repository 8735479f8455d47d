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
from percept.training.objectives import OBJECTIVES
from percept.training.optimizers import SCHEDULES, build_optimizer, build_schedule
from percept.training.patches import PatchSampler
from percept.training.penalties import Penalty, gradient_penalty, r1
from percept.training.player import Player
from percept.training.ramps import Ramp
from percept.training.runtime import Runtime
from percept.training.terms import Fidelity, labels
from percept.training.trainer import Adversarial, Trainer
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

ADAM = {"use": "adam", "lr": 1e-3, "betas": [0.9, 0.99], "weight-decay": 0.0, "momentum": 0.9}
COSINE = {"use": "cosine", "milestones": [], "gamma": 0.5, "floor": 0.0, "periods": 4, "warm-up": 0}
STEPS = 12
ONE = Ramp(1.0, 1.0)


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


def generator(norm: bool = True) -> nn.Module:
    middle = nn.BatchNorm2d(8) if norm else nn.Identity()
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), middle, nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2)
    )


def discriminator() -> nn.Module:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(3, 8, 4, 2, 1)), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3)
    )


def player(network: nn.Module, optimizer: Any = ADAM, **more: Any) -> Player:
    adam = build_optimizer(network.parameters(), optimizer)
    return Player(network, adam, build_schedule(adam, COSINE, STEPS), **more)


def trainer(
    objective: str | None = None,
    loss: Any = l1,
    starts_at: int = 0,
    ema: float = 0.0,
    optimizer: Any = ADAM,
    accumulate: int = 1,
    batch: int = 4,
    clip: float = 0.0,
    make: Any = generator,
    **adversary: Any,
) -> Trainer:
    torch.manual_seed(0)
    runtime = Runtime(torch.device("cpu"), torch.float32, 1, True)
    made = make()
    sampler = PatchSampler(Photos((20, 30), (33, 17)), Chain([Halve()], False), 16, batch, True, seed=3)
    adversarial = None
    if objective:
        rng = torch.Generator().manual_seed(5)
        penalties = [Penalty("gradient-penalty", gradient_penalty, 10.0)] if objective == "wgan-gp" else []
        given = {"penalties": penalties, **adversary}
        opponent = Adversary(player(discriminator(), clip=clip), OBJECTIVES[objective], rng, **given)
        adversarial = Adversarial(opponent, Ramp(0.1, 0.1), starts_at)
    average = averaged(made, ema) if ema else None
    side = player(made, optimizer, clip=clip)
    return Trainer(runtime, side, sampler, [Fidelity("l1", ONE, loss)], adversarial, average, accumulate)


def critic_of(made: Trainer) -> nn.Module:
    assert made.adversarial is not None
    return made.adversarial.adversary.player.network


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
    expected = {"l1"} | ({"discriminator", "adversarial", "logit-gap"} if objective else set())
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
    critic = critic_of(made)
    before = copy.deepcopy(critic.state_dict())
    assert set(made.advance()) == {"l1"}
    made.advance()
    assert same(before, critic.state_dict())
    assert "adversarial" in made.advance()
    assert not same(before, critic.state_dict())


def test_without_its_turn_the_discriminator_gets_no_gradient() -> None:
    made = trainer("vanilla")
    assert made.adversarial is not None
    adversary = made.adversarial.adversary
    adversary.player.zero_grad()
    pull, losses, value = adversary.meet(
        torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16), made.player.scaled, learn=False
    )
    assert pull.abs().sum() > 0
    assert set(losses) == {"adversarial"}
    assert value == losses["adversarial"]
    assert all(p.grad is None for p in adversary.player.parameters)


@pytest.mark.parametrize("objective", ["vanilla", "hinge", "lsgan", "relativistic"])
def test_both_sides_get_the_gradients_of_separate_passes(objective: str) -> None:
    """The same step by the book: the generator's loss through a frozen discriminator, then the discriminator's own."""
    made = trainer(objective, make=lambda: generator(norm=False))
    assert made.adversarial is not None
    twin, critic = copy.deepcopy(made.generator), copy.deepcopy(critic_of(made))
    replace_norms(critic_of(made))
    replace_norms(critic)
    batch = copy.deepcopy(made.sampler).next()
    grads = spied(made)
    made.advance()
    output = twin(batch.degraded)
    kind = OBJECTIVES[objective]
    critic.requires_grad_(False)
    real = critic(batch.target).detach()
    (l1(output, batch.target).mean() + 0.1 * kind.generator(real, critic(output), Tensor.mean)).backward()
    critic.requires_grad_(True)
    kind.discriminator(critic(batch.target), critic(output.detach()), Tensor.mean).backward()
    for mine, book in zip(grads["generator"], [p.grad for p in twin.parameters()], strict=True):
        torch.testing.assert_close(mine, book, rtol=1e-4, atol=1e-7)
    for mine, book in zip(grads["discriminator"], [p.grad for p in critic.parameters()], strict=True):
        torch.testing.assert_close(mine, book, rtol=1e-4, atol=1e-7)


def replace_norms(critic: nn.Module) -> None:
    """Spectral norm takes a power iteration a pass, and batch norm remembers: without them passes can be compared."""
    for i, layer in enumerate(critic):  # type: ignore[arg-type, var-annotated]  # a Sequential
        if isinstance(layer, nn.BatchNorm2d):
            critic[i] = nn.Identity()  # type: ignore[operator]  # as above
        elif nn.utils.parametrize.is_parametrized(layer):
            layer.eval()


def spied(made: Trainer) -> dict[str, list[Tensor]]:
    """The gradients that each side was moved by."""
    assert made.adversarial is not None
    seen: dict[str, list[Tensor]] = {}
    for name, side in (("generator", made.player), ("discriminator", made.adversarial.adversary.player)):

        def settle(move: bool, name: str = name, side: Player = side, original: Any = side.settle) -> None:
            seen[name] = [p.grad.clone() for p in side.parameters if p.grad is not None]
            original(move)

        side.settle = settle  # type: ignore[method-assign]  # a spy
    return seen


def test_accumulated_batches_are_one_large_batch() -> None:
    whole, halves = (trainer(batch=b, accumulate=a, make=lambda: generator(norm=False)) for b, a in ((4, 1), (2, 2)))
    for made in (whole, halves):
        made.advance()
    for one, two in zip(whole.generator.parameters(), halves.generator.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_clipping_bounds_the_whole_gradient() -> None:
    sgd = {**ADAM, "use": "sgd", "lr": 1.0, "momentum": 0.0}
    free, bounded = trainer(optimizer=sgd), trainer(optimizer=sgd, clip=0.01)
    moves = []
    for made in (free, bounded):
        before = [p.detach().clone() for p in made.generator.parameters()]
        made.advance()
        after = made.generator.parameters()
        moves.append(torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)]).norm().item())
    assert moves[0] > 0.02
    assert moves[1] == pytest.approx(0.01, rel=1e-3)


def test_several_updates_of_the_discriminator_for_one_of_the_generator() -> None:
    made = trainer("wgan-gp", steps=3)
    assert made.adversarial is not None
    made.advance()
    made.advance()
    assert made.adversarial.adversary.updates == 6
    assert made.step == 2


def test_discriminator_waits_for_its_turn() -> None:
    made = trainer("vanilla", every=3)
    assert made.adversarial is not None
    learnt = ["discriminator" in made.advance() for _ in range(7)]
    assert learnt == [True, False, False, True, False, False, True]
    assert made.adversarial.adversary.updates == 3


def test_lazy_penalty_comes_at_its_turns() -> None:
    made = trainer("hinge", penalties=[Penalty("r1", r1, 1.0, every=2)])
    assert ["r1" in made.advance() for _ in range(5)] == [True, False, True, False, True]


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
        degraded, target, *_ = one.next()
        assert degraded.shape == (5, 3, 4, 4)
        assert torch.allclose(degraded, nn.functional.avg_pool2d(target, 2), atol=1e-6)
        again = two.next()
        assert torch.equal(degraded, again.degraded)
        assert torch.equal(target, again.target)


def test_stochastic_degradation_is_drawn_afresh() -> None:
    sampler = PatchSampler(Photos((8, 8)), Chain([Noise()], stochastic=True), 8, 1, False, seed=1)
    first, second = sampler.next(), sampler.next()
    assert torch.equal(first.target, second.target)
    assert not torch.equal(first.degraded, second.degraded)


def test_image_smaller_than_the_patch_is_named() -> None:
    with pytest.raises(DataError, match=r"^p1: 12×40 pixels, smaller than optimize.patch 16; lower it or leave"):
        PatchSampler(Photos((20, 30), (40, 13)), Chain([Halve()], False), 16, 4, True, seed=0)


def test_two_losses_of_one_name_keep_apart() -> None:
    assert labels(["l1", "ssim", "l1", "l1"]) == ["l1", "ssim", "l1-2", "l1-3"]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_reach_their_last_step(schedule: str) -> None:
    optimizer = build_optimizer(generator().parameters(), {**ADAM, "use": "sgd"})
    made = build_schedule(optimizer, {**COSINE, "use": schedule, "milestones": [5], "periods": 2}, STEPS)
    for _ in range(STEPS):
        optimizer.step()
        made.step()
    rate = optimizer.param_groups[0]["lr"]
    # The second of two periods has ended, and a third would begin.
    expected = {"constant": 1e-3, "cosine": 0.0, "cosine-restarts": 1e-3, "multistep": 5e-4, "one-cycle": 4e-9}
    assert rate == pytest.approx(expected[schedule], abs=1e-8)


def test_warm_up_rises_to_the_rate_and_hands_over() -> None:
    optimizer = build_optimizer(generator().parameters(), {**ADAM, "use": "sgd"})
    made = build_schedule(optimizer, {**COSINE, "warm-up": 4}, STEPS)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    assert rates[:5] == pytest.approx([2e-4, 4e-4, 6e-4, 8e-4, 1e-3])
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_ramps_are_constant_outside_and_meet_in_the_middle() -> None:
    for shape in ("linear", "cosine"):
        ramp = Ramp(1.0, 3.0, steps=10, begins=5, shape=shape)
        assert [ramp.at(step) for step in (0, 5, 10, 15, 99)] == pytest.approx([1.0, 1.0, 2.0, 3.0, 3.0])


def test_float16_scales_its_gradients_and_resumes_bit_equal() -> None:
    def made() -> Trainer:
        trained = trainer("vanilla")
        trained.runtime = Runtime(torch.device("cpu"), torch.float16, 1, True)
        assert trained.adversarial is not None
        for side in (trained.player, trained.adversarial.adversary.player):
            side.scaler = trained.runtime.scaler()
        return trained

    straight, first, second = made(), made(), made()
    before = weights(straight)
    for _ in range(6):
        straight.advance()
    assert not same(before, weights(straight))
    assert straight.guard.in_a_row == 0
    for _ in range(3):
        first.advance()
    assert first.player.scaler is not None
    first.player.scaler.update(1024.0)  # a factor that a fresh scaler does not have
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # torch would let both share one optimiser state
    assert second.player.scaler is not None
    assert second.player.scaler.get_scale() == 1024.0
    for one in (first, second):
        for _ in range(3):
            one.advance()
    assert same(weights(first), weights(second))
