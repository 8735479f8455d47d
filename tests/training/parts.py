"""Small networks, pictures and trainers, which several tests of training share."""

from __future__ import annotations

from typing import Any

import torch
from percept.contracts import Sample
from percept.training.adversary import Adversary
from percept.training.averaging import averaged
from percept.training.degrade import Chain
from percept.training.objectives import OBJECTIVES
from percept.training.optimizers import build_optimizer, build_schedule
from percept.training.patches import PatchSampler
from percept.training.penalties import Penalty, gradient_penalty
from percept.training.player import Player
from percept.training.ramps import Ramp
from percept.training.runtime import Runtime
from percept.training.terms import Fidelity
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
        opponent = Adversary(player(discriminator(), optimizer, clip=clip), OBJECTIVES[objective], rng, **given)
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
