"""The whole engine through recipes: everything at once, several processes, adapters, weights that were chosen."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from percept_store import Store
from safetensors.torch import load

from tests.recipes import percept, write

EVERYTHING = """\
percept: 1
name: everything
data:
  train: {use: photos, split: train}
  validate: {use: photos, split: test, crop: 64}
  test: {use: photos, split: test, crop: 64}
  degrade: {use: bicubic, scale: 2}
generator: {use: edsr, channels: 8, blocks: 1}
optimize:
  steps: 10
  batch: 2
  patch: 32
  accumulate: 2
  clip: 1.0
  schedule: {use: cosine, warm-up: 3}
  optimizer: {use: adam, lr: 5e-3}
  ema: 0.5
  log-every: 1
  fidelity: [{use: l1, weight: {from: 1, to: 0.5, over: 10}}]
  quality: [{use: total-variation, weight: 1e-5}]
  lora: {rank: 2, targets: [head, "body*"]}
  validate: {with: psnr-y, every: 3}
  adversarial:
    discriminator: {use: patch, channels: 8, layers: 2}
    weight: {from: 0, to: 0.01, over: 4, starts-at: 4}
    starts-at: 4
    steps: 2
    r1: {weight: 1, every: 2}
    gradient-penalty: {weight: 1}
    label-smoothing: 0.1
assess: {with: [psnr-y]}
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Store]:
    folder = tmp_path_factory.mktemp("engine")
    done = percept("recipe", "run", write(folder, EVERYTHING, "everything.yaml"), "--store", str(folder / "store"))
    assert done.returncode == 0, done.stderr
    return folder, Store(folder / "store")


def run_of(store: Store, recipe: str = "everything") -> Any:
    (found,) = [r for r in store.ledger.records("run") if r.header["recipe"] == recipe]
    return found


def weights_of(store: Store, part: str, recipe: str = "everything") -> dict[str, torch.Tensor]:
    return load(store.artefacts.read(run_of(store, recipe).header["weights"][part]))


def test_every_part_is_kept_as_a_plain_checkpoint(everything: tuple[Path, Store]) -> None:
    _, store = everything
    parts = run_of(store).header["weights"]
    assert set(parts) == {"generator", "ema", "best", "lora", "discriminator", "backbone"}
    plain = {"head.weight", "head.bias", "body.0.branch.0.weight", "body.1.bias", "upsample.0.weight", "tail.bias"}
    for part in ("generator", "ema", "best"):
        names = set(weights_of(store, part))
        assert plain <= names
        assert not any("parametrizations" in name for name in names)
    assert {name.rpartition(".")[0] for name in weights_of(store, "lora")} == {
        "head",
        "body.0.branch.0",
        "body.0.branch.2",
        "body.1",
    }
    assert not any("parametrizations" in name for name in weights_of(store, "backbone"))


def test_learning_curves_have_every_term(everything: tuple[Path, Store]) -> None:
    _, store = everything
    curves = {name.split("/", 1)[1].rpartition("/")[0] for name in run_of(store).arrays}
    asked = {"l1", "total-variation", "adversarial", "discriminator", "logit-gap", "r1", "gradient-penalty"}
    assert asked | {"validate/psnr-y"} == curves
    assert run_of(store).arrays["curve/validate/psnr-y/step"].tolist() == [3, 6, 9, 10]


def test_assessed_are_the_weights_that_validation_chose(everything: tuple[Path, Store]) -> None:
    _, store = everything
    best = run_of(store).arrays["curve/validate/psnr-y/value"].max()
    scores = next(store.ledger.records("assessment")).arrays["score"]
    assert scores.mean() == pytest.approx(best, abs=1e-9)


def test_adapter_alone_on_its_base_is_the_trained_generator(everything: tuple[Path, Store]) -> None:
    folder, store = everything
    # The base was never trained: of equal seed, it is what the run began with.
    recipe = EVERYTHING[: EVERYTHING.index("optimize:")].replace("name: everything", "name: adapted")
    recipe = recipe.replace("blocks: 1}", "blocks: 1, adapter: {recipe: everything.yaml, part: lora}}")
    done = percept(
        *("recipe", "run", write(folder, recipe + "assess: {with: [psnr-y]}\n", "adapted.yaml")),
        *("--store", str(folder / "store")),
    )
    assert done.returncode == 0, done.stderr
    scores = {r.key: r.arrays["score"] for r in store.ledger.records("assessment")}
    expected = scores[run_of(store).key]
    assert scores[run_of(store, "adapted").key] == pytest.approx(expected, abs=1e-4)
    done = percept(
        *("recipe", "run", str(folder / "adapted.yaml"), "--set", "generator.adapter=null", "--set", "name=bare"),
        *("--store", str(folder / "store")),
    )
    assert done.returncode == 0, done.stderr
    bare = next(r for r in store.ledger.records("assessment") if r.key == run_of(store, "bare").key)
    assert (abs(bare.arrays["score"] - expected) > 0.01).all(), "the adapter does nothing"


# What all logits have in common, such as a last bias, is nothing to a relativistic objective: rounding alone moves it.
CANCEL = {("discriminator", name) for name in ("head.bias", "backbone.blocks.0.0.bn2.bias")}


@pytest.mark.parametrize(
    "discriminator",
    [
        "{use: patch, channels: 8, layers: 2, norm: batch}",
        "{use: timm-patch, backbone: mobilenetv3_small_050, features: 1}",  # whose batch norms have an activation inside
    ],
    ids=["plain", "timm"],
)
def test_two_processes_learn_what_one_does(discriminator: str, tmp_path: Path) -> None:
    """Also what looks across the batch: batch norms, the relativistic mean, and numbers drawn for each image."""
    recipe = write(tmp_path, EVERYTHING.replace("    label-smoothing: 0.1\n", ""), "everything.yaml")
    changes = [
        *("optimize.accumulate=1", "optimize.batch=4", "optimize.adversarial.objective=relativistic"),
        *(f"optimize.adversarial.discriminator={discriminator}", "optimize.optimizer={use: adam, lr: 1e-3}"),
        "runtime.channels-last=true",
    ]
    results = []
    for number in (1, 2):
        store = tmp_path / f"store-{number}"
        options = [f"--set={change}" for change in [*changes, f"runtime.processes={number}"]]
        done = percept("recipe", "run", recipe, *options, "--store", str(store))
        assert done.returncode == 0, done.stderr
        results.append(Store(store))
    for part in ("generator", "ema", "discriminator"):
        one, two = (weights_of(store, part) for store in results)
        for name in [name for name in one if (part, name) not in CANCEL]:
            torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=2e-5, msg=f"{part} {name}")
    for curve in ("l1", "validate/psnr-y"):
        one, two = (run_of(store).arrays[f"curve/{curve}/value"] for store in results)
        assert two == pytest.approx(one, rel=1e-4)


def test_a_partner_that_fails_before_they_meet_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    recipe = write(tmp_path, EVERYTHING, "everything.yaml")
    script = """
import subprocess, sys
from pathlib import Path
from percept.stages import processes
def failing(job, rank, *_):
    Path(job.scratch, f"process-{rank}.failed").write_text("its GPU is full")
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(1)"], stdin=subprocess.PIPE, text=True)
processes._start, processes.GRACE = failing, 1.0
import percept
percept.run(sys.argv[1], sys.argv[2], jobs=0, overrides=("runtime.processes=2", "optimize.batch=4"))
"""
    command = [sys.executable, "-c", script, recipe, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    header = run_of(Store(tmp_path / "store")).header
    assert (header["status"], header["reason"]) == ("failed", "process-1: its GPU is full")


def test_images_on_disk_teach_what_those_in_memory_do(everything: tuple[Path, Store], tmp_path: Path) -> None:
    _, in_memory = everything
    options = ["--set", "runtime.images=disk", "--store", str(tmp_path / "store")]
    done = percept("recipe", "run", write(tmp_path, EVERYTHING, "everything.yaml"), *options)
    assert done.returncode == 0, done.stderr
    on_disk = Store(tmp_path / "store")
    assert run_of(on_disk).key == run_of(in_memory).key
    assert run_of(on_disk).header["weights"] == run_of(in_memory).header["weights"]
    assert list((tmp_path / "store" / "checkpoints" / "images").glob("*/000000.safetensors"))


def test_a_batch_that_cannot_be_shared_is_told(tmp_path: Path) -> None:
    recipe = write(tmp_path, EVERYTHING, "everything.yaml")
    done = percept(
        *("recipe", "run", recipe, "--set=optimize.batch=3", "--set=runtime.processes=2"),
        *("--store", str(tmp_path / "store")),
    )
    assert "runtime.processes: optimize.batch 3 is no multiple of 2" in done.stderr
    assert "Traceback" not in done.stderr


COMPILED = EVERYTHING.replace("  accumulate: 2\n", "").replace("steps: 10", "steps: 5")


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling wants a C++ compiler")
def test_a_compiled_generator_learns_what_it_would(tmp_path: Path) -> None:
    results = []
    for compiled in ("false", "true"):
        store = tmp_path / compiled
        recipe = write(tmp_path, COMPILED, "compiled.yaml")
        done = percept("recipe", "run", recipe, "--set", f"runtime.compile={compiled}", "--store", str(store))
        assert done.returncode == 0, done.stderr
        results.append(Store(store))
    for part in ("generator", "lora", "discriminator"):
        plain, compiled_ = (weights_of(store, part, "everything") for store in results)
        for name, value in plain.items():
            torch.testing.assert_close(compiled_[name], value, rtol=1e-3, atol=1e-4, msg=f"{part} {name}")
    facts = run_of(results[1]).header["provenance"]
    assert facts["compile"] is True


def test_without_a_compiler_compiling_fails_in_one_line(tmp_path: Path) -> None:
    recipe = write(tmp_path, COMPILED, "compiled.yaml")
    environment = {"CXX": "/nowhere", "PATH": "/nowhere", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = percept(
        *("recipe", "run", recipe, "--set", "runtime.compile=true", "--store", str(tmp_path / "store")),
        env=environment,
    )
    assert done.returncode == 1
    reason = run_of(Store(tmp_path / "store")).header["reason"]
    assert re.match(r"runtime\.compile: .*compiler.*; mend that or set runtime\.compile: false$", reason), reason
