"""Step time of `optimize` against hand-written torch loops of the same networks, losses and data, in one process.

    python -m tests.benchmarks.bench_optimize [--recipe small] [--rounds 12] [--steps 10] [--threads 1] [--set KEY=VALUE]…
    python -m tests.benchmarks.bench_optimize --grid [--recipe paper] …

Three loops take turns, so that a machine that speeds up or slows down does so for all; ratios are those of the medians
of their rounds.

percept   the stage's own loop: sampler, NaN guard, learning curves, checkpoints, moving average
bare      the same passes written by hand, with the same memory format, precision and optimiser
ordered   the order of BasicSR's trainers, as it comes: generator against the frozen discriminator, then the
          discriminator on real and on restored images again; contiguous tensors, float32, torch's default Adam

`--grid` prints a table of them in each of GRID's settings of `runtime`: what is worth its while on a machine.

Before that all three take a few steps on the same batches from the same weights, and their losses are printed.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from percept.execution.check import load_checked
from percept.stages import optimize
from percept.stages.assemble import build_trainer
from percept.stages.curves import Curves
from percept.stages.job import Job
from percept.training.runtime import Runtime
from percept.training.trainer import Trainer
from percept_store import Store

from tests.benchmarks.loops import bare, ordered

RECIPES = {
    # Real-ESRGAN's networks, made small: RRDB and the U-Net with spectral norm, L1 and the vanilla GAN.
    "small": """\
percept: 1
name: small
data:
  train: {use: photos, split: train}
  degrade: {use: bicubic, scale: 4}
generator: {use: rrdb, channels: 32, growth: 16, blocks: 3, scale: 4}
optimize:
  steps: 1000000
  batch: 4
  patch: 96
  optimizer: {use: adam, lr: 1e-4}
  ema: 0.999
  fidelity: [l1]
  adversarial: {discriminator: {use: pixel, channels: 32}, weight: 0.1}
""",
    "paper": """\
percept: 1
name: paper
data:
  train: {use: photos, split: train}
  degrade: {use: bicubic, scale: 4}
generator: {use: rrdb, scale: 4}
optimize:
  steps: 1000000
  batch: 12
  patch: 256
  optimizer: {use: adam, lr: 1e-4}
  ema: 0.999
  fidelity: [l1]
  adversarial: {discriminator: pixel, weight: 0.1}
""",
}
SAME = 5


GRID = (
    ("float32",),
    ("tf32",),
    ("bfloat16",),
    ("bfloat16", "channels-last"),
    ("bfloat16", "channels-last", "compile"),
)


def main() -> None:
    options = _options()
    if options.grid:
        _print_grid(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        job = _job(options, tuple(options.set), Path(folder))
        _print_losses(build_trainer(job))
        times = compare(job, options.rounds, options.steps)
    facts, ours = job.runtime.facts(), times["percept"]
    print(f"{facts['device']}, {options.threads} threads, {facts['precision']}")
    for name, value in times.items():
        print(f"{name:8} {value:8.2f} ms a step   percept / {name} {ours / value:.3f}")


def _print_grid(options: argparse.Namespace) -> None:
    for number, (precision, *switches) in enumerate(GRID):
        changes = [f"runtime.precision={precision}", *(f"runtime.{switch}=true" for switch in switches)]
        torch.compiler.reset()
        with tempfile.TemporaryDirectory() as folder:
            job = _job(options, (*options.set, *changes), Path(folder))
            times = compare(job, options.rounds, options.steps)
        if not number:
            print(f"{job.runtime.facts()['device']}, {options.threads} threads, torch {torch.__version__}\n")
            print("| `runtime` | percept | images/s | percept / bare | percept / ordered |\n|---|---|---|---|---|")
        ours, images = times["percept"], job.config["optimize"]["batch"]
        ratios = [f"{ours / times[name]:.3f}" for name in ("bare", "ordered")]
        row = [", ".join((precision, *switches)), f"{ours:.1f} ms", f"{images / ours * 1000:.1f}", *ratios]
        print(f"| {' | '.join(row)} |", flush=True)


def _job(options: argparse.Namespace, changes: tuple[str, ...], folder: Path) -> Job:
    path = folder / "bench.yaml"
    path.write_text(RECIPES[options.recipe], "utf-8")
    (cell,) = load_checked(str(path), changes).cells
    runtime = Runtime.setup(cell.config["runtime"], options.threads)
    return Job(cell.config, "bench", "bench", {}, Store(folder), runtime, folder)


def compare(job: Job, rounds: int, steps: int) -> dict[str, float]:
    """Loop → median milliseconds a step over alternating rounds."""
    trainer = build_trainer(job)
    sides: dict[str, Callable[[], object]] = {
        "percept": lambda: _percept_steps(job, trainer, steps),
        "bare": _repeated(bare(trainer), steps),
        "ordered": _repeated(ordered(trainer), steps),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in sides if number % 2 else reversed(sides):
            job.runtime.finish()
            started = time.perf_counter()
            sides[name]()
            job.runtime.finish()
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - started) / steps * 1000)
    return {name: statistics.median(found) for name, found in times.items()}


def _print_losses(trainer: Trainer) -> None:
    """The losses of all three after some steps on the same batches, from the same weights."""
    loops = {"bare": bare(trainer, own_batches=False), "ordered": ordered(trainer, own_batches=False)}
    found = {"percept": [trainer.advance() for _ in range(SAME)][-1]}
    found |= {name: [loop() for _ in range(SAME)][-1] for name, loop in loops.items()}
    for name, losses in found.items():
        shown = "  ".join(f"{label} {float(losses[label]):.6f}" for label in ("l1", "adversarial", "discriminator"))
        print(f"{name:8} step {SAME}: {shown}")


def _percept_steps(job: Job, trainer: Trainer, steps: int) -> None:
    section = {**job.config["optimize"], "steps": trainer.step + steps}
    config: dict[str, Any] = {**job.config, "optimize": section}
    optimize.train(dataclasses.replace(copy.copy(job), config=config), trainer, Curves(section["log-every"]))


def _repeated(step: Callable[[], object], steps: int) -> Callable[[], object]:
    return lambda: [step() for _ in range(steps)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=RECIPES, default="small")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--set", action="append", default=[], help="as of percept recipe run: runtime.channels-last=true"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
