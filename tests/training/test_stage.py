"""The stage `optimize` in this process: what it saves, when, and what it makes of what was saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from percept.execution.check import load_checked
from percept.stages import optimize
from percept.stages.assemble import build_trainer
from percept.stages.job import Job
from percept.training.guard import DivergedError
from percept.training.runtime import Runtime
from percept.training.terms import Fidelity
from percept_store import Store
from torch import nn

RECIPE = """\
percept: 1
name: small
data:
  train: {use: photos, split: train}
  degrade: {use: bicubic, scale: 2}
generator: {use: edsr, channels: 4, blocks: 1}
optimize: {steps: 3, batch: 1, patch: 16, fidelity: l1, checkpoint-every: 1}
"""
MakeJob = Callable[..., Job]


@pytest.fixture
def job(tmp_path: Path) -> MakeJob:
    def made(*overrides: str, emit: Callable[[dict[str, Any]], None] = lambda _: None) -> Job:
        path = tmp_path / "recipe.yaml"
        path.write_text(RECIPE, "utf-8")
        (cell,) = load_checked(str(path), overrides).cells
        runtime = Runtime(torch.device("cpu"), torch.float32, 1, True)
        return Job(cell.config, "0" * 64, "recipe", {}, Store(tmp_path / "store"), runtime, tmp_path, emit=emit)

    return made


def test_a_damaged_checkpoint_is_told_and_training_begins_afresh(job: MakeJob, tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    (tmp_path / "state.pt").write_bytes(b"half of something")
    optimize.run(job(emit=events.append))
    (note,) = [event["text"] for event in events if event["event"] == "note"]
    assert note == f"{tmp_path / 'state.pt'}: a damaged checkpoint; begins afresh"
    assert [event["step"] for event in events if event["event"] == "step"][-1] == 3


def test_after_divergence_the_next_try_begins_afresh(job: MakeJob, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        optimize.run(job("optimize.optimizer.lr=1e38", "optimize.steps=40"))
    assert not (tmp_path / "state.pt").exists()


def test_saving_takes_a_twentieth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = optimize._Pace(0)
    spent, saves = 0.0, 0

    def save() -> None:
        nonlocal now, spent, saves
        now, spent, saves = now + 9.0, spent + 9.0, saves + 1

    for step in range(2000):
        now += 1.0
        if pace.due(step):
            pace.take(save)
    assert saves > 5
    assert spent / now < 0.06


class Trainable(nn.Module):
    """A metric that forgot to freeze its network."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5))

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        difference: torch.Tensor = self.features(output) - self.features(target)
        return difference.abs().mean(dim=(1, 2, 3))


def test_a_losss_own_network_does_not_learn(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("percept.stages.assemble._built", lambda *_: Trainable())
    trainer = build_trainer(job())
    trainer.advance()
    (term,) = trainer.terms
    assert isinstance(term, Fidelity)
    assert isinstance(term.loss, Trainable)
    assert not term.loss.features[1].training
    assert all(p.grad is None and not p.requires_grad for p in term.loss.parameters())
