"""Step time of `optimize` against a bare torch loop of the same networks, losses and data, in one process.

    python tests/benchmarks/bench_optimize.py [--rounds 12] [--steps 20] [--threads 1] [--adversarial]

The two take turns, so that a machine that speeds up or slows down does so for both; the ratio is that of the medians
of their rounds. The bare loop is what one writes by hand: random crops of images in memory, forward, losses, backward,
Adam, EMA; no NaN guard, no learning curves, no checkpoints. Percept's side is the stage's own loop, with all of them.
"""

from __future__ import annotations

import argparse
import copy
import functools
import operator
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from percept.execution.check import load_checked
from percept.stages import optimize
from percept.stages.curves import Curves
from percept.stages.job import Job
from percept.training.patches import PatchSampler
from percept.training.runtime import Runtime
from percept.training.trainer import Trainer
from percept_store import Store
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"


def main() -> None:
    options = _options()
    overrides = ("optimize.adversarial.starts-at=0", "optimize.ema=0.999")
    cells = load_checked(str(RECIPE), overrides).cells
    chosen = [
        c
        for c in cells
        if bool((c.config["optimize"]["adversarial"] or {}).get("discriminator")) == options.adversarial
    ]
    with tempfile.TemporaryDirectory() as folder:
        for cell in chosen:
            job = Job(
                cell.config,
                "bench",
                "bench",
                {},
                Store(folder),
                Runtime.setup(cell.config["runtime"], options.threads),
                Path(folder),
            )
            ratio, ours, bare = compare(job, options.rounds, options.steps)
            print(f"{cell.factors}: percept {ours:.2f} ms, bare {bare:.2f} ms a step, ratio {ratio:.3f}")


def compare(job: Job, rounds: int, steps: int) -> tuple[float, float, float]:
    """(ratio of the medians, percept's ms a step, the bare loop's), over alternating rounds."""
    trainer = optimize.build_trainer(job)
    bare = bare_loop(trainer)
    times: dict[str, list[float]] = {"percept": [], "bare": []}
    for number in range(rounds + 1):
        sides = [
            ("percept", lambda: _percept_steps(job, trainer, steps)),
            ("bare", lambda: [bare() for _ in range(steps)]),
        ]
        for name, run in sides if number % 2 else reversed(sides):
            started = time.perf_counter()
            run()
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - started) / steps * 1000)
    ours, theirs = (statistics.median(times[name]) for name in ("percept", "bare"))
    return ours / theirs, ours, theirs


def _percept_steps(job: Job, trainer: Trainer, steps: int) -> None:
    config = {**job.config["optimize"], "steps": trainer.step + steps, "checkpoint-every": 0}
    section = copy.copy(job)
    section.config = {**job.config, "optimize": config}
    optimize.train(section, trainer, Curves(config["log-every"]))


def bare_loop(trainer: Trainer) -> Callable[[], None]:
    """A function that does one hand-written step on copies of the trainer's networks, with its losses and images."""
    generator = copy.deepcopy(trainer.generator)
    adam = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.9, 0.99))
    ema = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(0.999))
    batches = _batches(trainer)
    terms = [(t.weight, t.loss) for t in trainer.terms]
    adversary = _bare_adversary(trainer)

    def step() -> None:
        degraded, target = batches()
        output = generator(degraded)
        if adversary:
            adversary[0](target, output)
        loss = functools.reduce(operator.add, (weight * term(output, target).mean() for weight, term in terms))
        if adversary:
            loss = loss + adversary[1](output)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        ema.update_parameters(generator)

    return step


def _bare_adversary(trainer: Trainer) -> tuple[Callable[[Tensor, Tensor], None], Callable[[Tensor], Any]] | None:
    if trainer.adversarial is None:
        return None
    weight = trainer.adversarial.weight
    critic: nn.Module = copy.deepcopy(trainer.adversarial.adversary.discriminator)
    adam = torch.optim.Adam(critic.parameters(), lr=1e-4, betas=(0.9, 0.99))
    softplus = nn.functional.softplus

    def update(target: Tensor, output: Tensor) -> None:
        critic.requires_grad_(True)
        real, fake = critic(torch.cat([target, output.detach()])).chunk(2)
        loss = softplus(-real).mean() + softplus(fake).mean()
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()

    def term(output: Tensor) -> Tensor:
        critic.requires_grad_(False)
        return weight * softplus(-critic(output)).mean()

    return update, term


def _batches(trainer: Trainer) -> Callable[[], tuple[Tensor, Tensor]]:
    sampler = trainer.sampler
    assert isinstance(sampler, PatchSampler)
    pairs = [
        tuple(t.float() / 255 if t.dtype == torch.uint8 else t for t in pair)
        for pair in zip(sampler._degraded, sampler._targets, strict=True)
    ]
    scale = sampler.degrade.scale
    small = sampler.patch // scale

    def draw() -> tuple[Tensor, Tensor]:
        crops = []
        for _ in range(sampler.batch):
            degraded, target = pairs[int(torch.randint(len(pairs), ()))]
            top = int(torch.randint(degraded.shape[-2] - small + 1, ()))
            left = int(torch.randint(degraded.shape[-1] - small + 1, ()))
            one = degraded[:, top : top + small, left : left + small]
            two = target[:, top * scale : (top + small) * scale, left * scale : (left + small) * scale]
            turn = int(torch.randint(8, ()))
            axes = [axis for bit, axis in ((1, -1), (2, -2)) if turn & bit]
            one, two = (t.flip(axes) if axes else t for t in (one, two))
            crops.append(tuple(t.transpose(-1, -2) if turn & 4 else t for t in (one, two)))
        return torch.stack([c[0] for c in crops]), torch.stack([c[1] for c in crops])

    return draw


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--adversarial", action="store_true", help="the cells with a discriminator instead of those without"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
