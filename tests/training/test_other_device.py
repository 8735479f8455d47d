"""Training and assessing on another device than the processor, simulated: nothing stays behind, and nothing differs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from percept.execution.check import load_checked
from percept.stages import assess, optimize
from percept.stages.assemble import build_trainer
from percept.stages.job import Job
from percept.testing.other_device import other_device
from percept.training.runtime import Runtime
from percept.training.trainer import Trainer
from percept_store import Store
from safetensors.torch import load
from torch import Tensor
from torch.utils._pytree import tree_map

from tests.test_engine import EVERYTHING

ITS_OWN = """\
percept: 1
name: its-own
data:
  test: {use: photos, split: test, crop: 48}
  degrade: {use: gaussian-noise, sigma: 15}
generator: pixels
optimize:
  steps: 6
  optimizer: {use: adam, lr: 5e-3}
  fidelity: [ssim]
  quality: [{use: total-variation, weight: 1e-5}]
assess: {with: [psnr, fsim]}
"""
# torch believes what the device says, and copies all the same.
pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
JobOn = Callable[[torch.device], Job]


@pytest.fixture(params=[EVERYTHING, ITS_OWN], ids=["everything", "its-own"])
def job_on(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobOn:
    # torch asks what device a fused optimiser's parameters are on, and knows of no simulated one.
    known = "_get_fused_kernels_supported_devices"
    monkeypatch.setattr(sys.modules["torch.optim.optimizer"], known, lambda: ["cpu", "meta"])
    path = tmp_path / "recipe.yaml"
    path.write_text(request.param, "utf-8")
    (cell,) = load_checked(str(path), ("optimize.steps=6",)).cells

    def made(device: torch.device) -> Job:
        runtime = Runtime(device, torch.float32, 1, True, channels_last=device.type == "cpu")
        return Job(cell.config, "0" * 64, "recipe", {}, Store(tmp_path / device.type), runtime, tmp_path)

    return made


def steps(trainer: Trainer, count: int) -> dict[str, Tensor]:
    for _ in range(count):
        trainer.advance()
    return {name: value.cpu().clone() for name, value in trainer.generator.state_dict().items()}


def test_weights_and_scores_are_those_of_the_processor(job_on: JobOn) -> None:
    weights, scores = [], []
    for where in (nullcontext(torch.device("cpu")), other_device()):
        with where as device:
            job = job_on(device)
            optimize.run(job)
            assess.run(job, job.config["assess"]["with"])
        (record,) = job.store.ledger.records("run")
        weights.append({part: load(job.store.artefacts.read(name)) for part, name in record.header["weights"].items()})
        scores.append([record.arrays["score"] for record in job.store.ledger.records("assessment")])
    assert weights[0].keys() == weights[1].keys()
    for part in weights[0]:
        torch.testing.assert_close(weights[1][part], weights[0][part], rtol=1e-3, atol=1e-4)
    for one, two in zip(*scores, strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def test_a_checkpoint_that_was_read_to_the_processor_goes_on_elsewhere(job_on: JobOn) -> None:
    with other_device() as device:
        first, second = (build_trainer(job_on(device)) for _ in range(2))
        start = steps(first, 3)
        state = tree_map(lambda value: value.cpu().clone() if isinstance(value, Tensor) else value, first.state_dict())
        expected = steps(first, 3)
        second.load_state_dict(state)
        found = steps(second, 3)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not all(torch.equal(start[name], expected[name]) for name in expected)
