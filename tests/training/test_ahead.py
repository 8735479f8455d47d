from __future__ import annotations

import copy
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from percept.execution.check import load_checked
from percept.stages.assemble import build_trainer
from percept.stages.job import Job
from percept.training.ahead import DEPTH, Ahead
from percept.training.batch import Batch
from percept.training.runtime import Runtime
from percept_store import Store

from tests.test_engine import EVERYTHING


class Counting:
    """Batches of the numbers 1, 2, 3, … that tell in which thread they were made; a `doomed` one raises."""

    def __init__(self, doomed: int = 0, seconds: float = 0.0) -> None:
        self.number, self.doomed, self.seconds = 0, doomed, seconds
        self.threads: set[int] = set()

    def next(self) -> Batch:
        self.number += 1
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        if self.number == self.doomed:
            raise ValueError(f"no batch {self.number}")
        images = torch.full((1, 3, 2, 2), float(self.number))
        return Batch(images, images)

    def state_dict(self) -> dict[str, Any]:
        return {"number": self.number}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.number = state["number"]


def value(batch: Batch) -> float:
    return batch.target.mean().item()


def doubled(batch: Batch) -> Batch:
    return Batch(batch.degraded, 2 * batch.target)


def test_batches_and_states_are_those_of_the_sampler() -> None:
    sampler = Counting()
    ahead = Ahead(sampler, doubled)
    assert ahead.state_dict() == {"number": 0}
    for number in range(1, 8):
        assert value(ahead.next()) == 2 * number
        assert ahead.state_dict() == {"number": number}
    assert threading.get_ident() not in sampler.threads


def test_it_is_ahead_but_not_by_more_than_it_should() -> None:
    sampler = Counting()
    ahead = Ahead(sampler, doubled)
    ahead.next()
    for _ in range(200):
        if sampler.number == 1 + DEPTH:
            break
        time.sleep(0.01)
    time.sleep(0.05)
    assert sampler.number == 1 + DEPTH


def test_it_goes_on_from_a_state_and_forgets_what_it_had_made() -> None:
    ahead = Ahead(Counting(seconds=0.01), doubled)
    for _ in range(4):
        ahead.next()
    ahead.load_state_dict({"number": 10})
    assert ahead.state_dict() == {"number": 10}
    assert [value(ahead.next()) for _ in range(3)] == [22, 24, 26]


def test_making_and_taking_overlap() -> None:
    ahead = Ahead(Counting(seconds=0.02), doubled)
    ahead.next()
    waited = 0.0
    for _ in range(10):
        time.sleep(0.04)
        started = time.perf_counter()
        ahead.next()
        waited += time.perf_counter() - started
    assert waited < 0.15, "taking ten batches waited for what could have been made before"


def test_an_error_comes_with_its_batch() -> None:
    ahead = Ahead(Counting(doomed=3), doubled)
    assert [value(ahead.next()) for _ in range(2)] == [2, 4]
    with pytest.raises(ValueError, match="no batch 3"):
        ahead.next()
    assert ahead.state_dict() == {"number": 2}
    ahead.load_state_dict({"number": 3})
    assert value(ahead.next()) == 8


def test_training_and_going_on_are_the_same_with_it(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(EVERYTHING, "utf-8")
    (cell,) = load_checked(str(path), ("optimize.steps=6",)).cells
    runtime = Runtime(torch.device("cpu"), torch.float32, 1, True)
    job = Job(cell.config, "0" * 64, "recipe", {}, Store(tmp_path), runtime, tmp_path)
    plain, ahead, resumed = (build_trainer(job) for _ in range(3))
    for trainer in (ahead, resumed):
        trainer.sampler = Ahead(trainer.sampler, lambda batch: batch)
    for trainer in (plain, ahead):
        torch.manual_seed(1)
        for step in range(6):
            trainer.advance()
            if trainer is ahead and step == 2:
                state = copy.deepcopy(trainer.state_dict())
    resumed.load_state_dict(state)
    for _ in range(3):
        resumed.advance()
    expected = plain.generator.state_dict()
    for trainer in (ahead, resumed):
        assert all(torch.equal(value, expected[name]) for name, value in trainer.generator.state_dict().items())
