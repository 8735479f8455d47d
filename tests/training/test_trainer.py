from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from percept.training.batch import Batch
from percept.training.degrade import Chain
from percept.training.guard import LIMIT, DivergedError
from percept.training.objectives import OBJECTIVES
from percept.training.patches import PatchSampler
from percept.training.penalties import Penalty, gradient_penalty, r1
from percept.training.player import Player
from percept.training.runtime import Runtime
from percept.training.terms import labels
from percept.training.trainer import Trainer
from torch import Tensor, nn

from tests.training.parts import ADAM, STEPS, Doomed, Noise, Photos, critic_of, generator, l1, same, trainer, weights

SGD = {**ADAM, "use": "sgd", "lr": 1.0, "momentum": 0.0}  # which, unlike adam, feels how large a gradient is


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


def dropping() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Dropout(0.5), nn.Conv2d(3, 3, 3, padding=1))


def random_one() -> Trainer:
    """Everything that draws: dropout, noise on each batch, points between real and restored; a lazy penalty counts."""
    penalties = [Penalty("gradient-penalty", gradient_penalty, 10.0, every=4)]
    made = trainer("wgan-gp", make=dropping, penalties=penalties, loss=Doomed({2, 3}), steps=2)
    made.sampler = PatchSampler(Photos((20, 30), (33, 17)), Chain([Noise()], True), 16, 4, True, seed=3)
    return made


def test_resumed_it_draws_and_counts_as_if_it_had_gone_on() -> None:
    straight, first = random_one(), random_one()
    torch.manual_seed(7)
    random.seed(7)
    for _ in range(3):
        first.advance()
    random.random()
    state = copy.deepcopy(first.state_dict())
    following = random.random()
    torch.manual_seed(7)
    for _ in range(7):
        straight.advance()
    torch.manual_seed(99)
    random.seed(99)
    second = random_one()
    second.load_state_dict(state)
    assert random.random() == following
    assert (second.guard.in_a_row, second.guard.skipped) == (2, 2)
    second.terms[0].loss.calls = 3  # type: ignore[attr-defined]  # the loss of `trainer`, which has no state of its own
    while second.step < 7:
        second.advance()
    assert same(weights(straight), weights(second))
    assert same(critic_of(straight).state_dict(), critic_of(second).state_dict())


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


@pytest.mark.parametrize("updates", [1, 3])
def test_accumulated_batches_are_one_large_batch_to_the_discriminator(updates: int) -> None:
    whole, halves = (
        trainer("lsgan", batch=b, accumulate=a, make=lambda: generator(norm=False), optimizer=SGD, steps=updates)
        for b, a in ((4, 1), (2, 2))
    )
    for made in (whole, halves):
        replace_norms(critic_of(made))
        made.advance()
    for of in (critic_of, lambda made: made.generator):
        for one, two in zip(of(whole).parameters(), of(halves).parameters(), strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_clipping_bounds_the_whole_gradient() -> None:
    free, bounded = trainer(optimizer=SGD), trainer(optimizer=SGD, clip=0.01)
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


def test_a_lazy_penalty_counts_as_often_as_it_would_come() -> None:
    """A penalty of the sum of all weights has a gradient of 1: `every` times its weight is added to each."""
    found = []
    for penalties in ([], [Penalty("sum", sum_of_weights, 0.5, every=4)]):
        made = trainer("hinge", penalties=penalties)
        assert made.adversarial is not None
        made.adversarial.adversary.practise(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16))
        found.append(critic_of(made)[3].weight.grad)  # type: ignore[index]  # a Sequential
    torch.testing.assert_close(found[1], found[0] + 2.0)


def sum_of_weights(network: nn.Module, *_: Any) -> Tensor:
    return torch.stack([p.sum() for p in network.parameters()]).sum()


def test_the_discriminators_schedule_begins_when_it_does() -> None:
    made = trainer("vanilla", starts_at=3)
    assert made.adversarial is not None
    rates = []
    for _ in range(5):
        made.advance()
        rates.append(made.adversarial.adversary.player.optimizer.param_groups[0]["lr"] / ADAM["lr"])
    assert rates[:3] == [1.0, 1.0, 1.0]
    assert 1.0 > rates[3] > rates[4]


def test_nan_step_is_skipped_without_a_trace() -> None:
    made = trainer(loss=Doomed({2}), ema=0.5)
    made.advance()
    assert made.ema is not None
    before, mean = weights(made), copy.deepcopy(made.ema.state_dict())
    made.advance()
    assert same(before, weights(made))
    assert same(mean, made.ema.state_dict())
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


def spoilt(images: Tensor, *_: Any) -> Tensor:
    return images.sum() * float("nan")


@pytest.mark.parametrize("updates", [1, 2])
def test_a_discriminator_that_is_not_finite_moves_neither_side_and_ends_the_run(updates: int) -> None:
    bad = Penalty("bad", lambda network, real, fake, draw: spoilt(network(real)), 1.0)
    made = trainer("vanilla", penalties=[bad], steps=updates)
    before, critic = weights(made), copy.deepcopy(critic_of(made).state_dict())
    made.advance()
    assert made.guard.skipped == 1
    assert same(before, weights(made))
    assert same(critic, critic_of(made).state_dict())
    with pytest.raises(DivergedError, match=r"10 steps in a row, up to step 10 \(.*bad nan\)"):
        for _ in range(LIMIT):
            made.advance()


def test_a_generator_that_is_not_finite_leaves_the_discriminator_where_it_was() -> None:
    made = trainer("vanilla", loss=Doomed({2}))
    made.advance()
    critic = copy.deepcopy(critic_of(made).state_dict())
    made.advance()
    assert same(critic, critic_of(made).state_dict())


def test_one_spoilt_batch_leaves_the_statistics_of_the_discriminator_alone() -> None:
    made = trainer("vanilla")
    clean = made.sampler.next

    def spoil(batch: Batch) -> Batch:
        batch.target[0, 0, 0, 0] = torch.inf
        return batch

    made.sampler.next = lambda: spoil(clean())  # type: ignore[method-assign]  # once
    made.advance()
    made.sampler.next = clean  # type: ignore[method-assign]  # as it was
    made.advance()
    assert (made.guard.skipped, made.guard.in_a_row) == (1, 0)
    assert all(value.isfinite().all() for value in critic_of(made).state_dict().values())


def test_average_averages_parameters_and_copies_buffers() -> None:
    made = trainer(ema=0.5)
    made.advance()
    made.advance()
    assert made.ema is not None
    mine, mean = made.generator.state_dict(), made.ema.module.state_dict()
    assert torch.equal(mine["1.running_mean"], mean["1.running_mean"])
    assert not torch.equal(mine["0.weight"], mean["0.weight"])


def test_two_losses_of_one_name_keep_apart() -> None:
    assert labels(["l1", "ssim", "l1", "l1"]) == ["l1", "ssim", "l1-2", "l1-3"]


def in_float16(**more: Any) -> Trainer:
    made = trainer("vanilla", **more)
    made.runtime = Runtime(torch.device("cpu"), torch.float16, 1, True)
    assert made.adversarial is not None
    for side in (made.player, made.adversarial.adversary.player):
        side.scaler = made.runtime.scaler()
    return made


def test_float16_is_clipped_by_the_true_norm() -> None:
    made = in_float16(optimizer=SGD, clip=0.01)
    before = [p.detach().clone() for p in made.generator.parameters()]
    made.advance()
    moved = [(a - b).flatten() for a, b in zip(made.generator.parameters(), before, strict=True)]
    assert torch.cat(moved).norm().item() == pytest.approx(0.01, rel=1e-2)


def test_the_generators_pull_does_not_depend_on_the_discriminators_scale() -> None:
    """A confident discriminator's scale grows without end; the pull through it would overflow."""
    made = in_float16()
    assert made.adversarial is not None
    scaler = made.adversarial.adversary.player.scaler
    assert scaler is not None
    made.advance()
    scaler.update(2.0**60)
    with made.runtime.autocast():
        pull, _, _ = made.adversarial.adversary.meet(
            torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16), made.player.scaled, learn=False
        )
    assert pull.isfinite().all()


def test_float16_scales_its_gradients_and_resumes_bit_equal() -> None:
    straight, first, second = in_float16(), in_float16(), in_float16()
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
