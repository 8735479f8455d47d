"""What people get wrong about networks and their training: one line each, and the run marked failed with it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import percept
import pytest
import torch
from percept.errors import RecipeError
from percept.execution.check import load_checked
from percept_store import Store
from PIL import Image

from tests.recipes import percept as command
from tests.recipes import write

ADVERSARIAL = "adversarial: {discriminator: {use: patch, channels: 8}}"
RECIPE = f"""\
percept: 1
name: tried
data:
  train: {{use: photos, split: train}}
  degrade: {{use: bicubic, scale: 2}}
generator: {{use: edsr, channels: 8, blocks: 1}}
optimize:
  steps: 1
  batch: 1
  patch: 48
  fidelity: [l1]
  {ADVERSARIAL}
"""


pytestmark = pytest.mark.usefixtures("in_this_process")


def tried(tmp_path: Path, text: str) -> str:
    """Run the recipe, which must fail; the one line that says why, which its record says, too."""
    (outcome,) = percept.run(write(tmp_path, text, "tried.yaml"), store=str(tmp_path / "store"), jobs=0)
    (record,) = Store(tmp_path / "store").ledger.records("run")
    assert (outcome.status, record.header["status"]) == ("failed", "failed")
    reason: str = record.header["reason"]
    assert outcome.error == reason
    assert len(reason.splitlines()) == 1
    return reason


def refused(tmp_path: Path, text: str) -> str:
    """Check the recipe, which has one mistake that needs no run to be seen: position, path and message."""
    path = write(tmp_path, text, "tried.yaml")
    with pytest.raises(RecipeError) as error:
        load_checked(path)
    (line,) = str(error.value).splitlines()
    return line.removeprefix(f"{path}:")


def from_file(path: Path) -> str:
    return RECIPE.replace("blocks: 1}", f"blocks: 1, init: {path}}}")


def test_checkpoint_of_another_size_names_the_first_keys_and_both_shapes(tmp_path: Path) -> None:
    from percept_edsr.edsr import EDSR

    torch.save({"params_ema": EDSR(16, 1).state_dict()}, tmp_path / "wide.pth")
    assert tried(tmp_path, from_file(tmp_path / "wide.pth")) == (
        f"{tmp_path}/wide.pth: does not fit EDSR: head.weight is (16, 3, 3, 3), the network's is (8, 3, 3, 3); "
        "head.bias is (16,), the network's is (8,); "
        "body.0.branch.0.weight is (16, 16, 3, 3), the network's is (8, 8, 3, 3) and 8 more"
    )


def test_checkpoint_of_another_depth_names_what_is_absent_and_what_is_foreign(tmp_path: Path) -> None:
    from percept_edsr.edsr import EDSR

    torch.save(EDSR(8, 2).state_dict(), tmp_path / "deep.pth")
    reason = tried(tmp_path, from_file(tmp_path / "deep.pth"))
    assert reason.startswith(f"{tmp_path}/deep.pth: does not fit EDSR: body.1.weight (8, 8, 3, 3) is absent; ")
    assert "body.1.branch.0.weight (8, 8, 3, 3) is not in the network; " in reason


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this pickle ran",))


@pytest.mark.parametrize("spoilt", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(spoilt: float, tmp_path: Path) -> None:
    from percept_edsr.edsr import EDSR

    state = EDSR(8, 1).state_dict()
    state["head.weight"][0, 0, 0, 0] = spoilt
    torch.save(state, tmp_path / "bad.pth")
    reason = tried(tmp_path, from_file(tmp_path / "bad.pth"))
    assert reason == f"{tmp_path}/bad.pth: head.weight is not finite everywhere; take another checkpoint"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "(it is empty)"),
        (b"<!DOCTYPE html><title>404</title>", "(it begins with b'<!DOCTYPE html><title>40'); get the file itself"),
        (b"version https://git-lfs", "(it begins with b'version https://git-lfs'); get the file itself"),
    ],
)
def test_what_lies_in_a_checkpoints_place_is_named(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    reason = tried(tmp_path, from_file(tmp_path / "x.pth"))
    assert reason == f"{tmp_path}/x.pth: not a checkpoint that can be read {told}"


def test_a_pickle_that_wants_code_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "code.pth").open("wb") as file:
        pickle.dump({"weight": Code()}, file)
    reason = tried(tmp_path, from_file(tmp_path / "code.pth"))
    assert reason == f"{tmp_path}/code.pth: refused, this pickle wants to run code; convert it to .safetensors"


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Conv2d(3, 3, 1), tmp_path / "whole.pth")
    assert "refused, this pickle wants to run code" in tried(tmp_path, from_file(tmp_path / "whole.pth"))


def test_a_checkpoint_of_something_else_says_what_it_holds(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "other.pth")
    assert tried(tmp_path, from_file(tmp_path / "other.pth")).endswith("holds epoch, lr, not a network's weights")


def test_a_scale_that_the_generator_lacks(tmp_path: Path) -> None:
    line = refused(tmp_path, RECIPE.replace("scale: 2", "scale: 8"))
    assert line == "6:1: generator: 'edsr' offers scales 2, 3, 4, data.degrade makes images 8× smaller"


def test_a_discriminator_that_needs_more_than_the_patch(tmp_path: Path) -> None:
    line = refused(tmp_path, RECIPE.replace("patch: 48", "patch: 16"))
    assert line.endswith("'patch' needs 24 pixels a side, optimize.patch is 16")


def test_a_discriminator_that_needs_more_by_its_parameters(tmp_path: Path) -> None:
    reason = tried(tmp_path, RECIPE.replace("channels: 8}}", "channels: 8, layers: 5}}"))
    assert reason == "optimize.patch: discriminator 'patch' with these parameters needs 96 pixels a side, not 48"


def test_a_backbone_unknown_to_timm_is_answered_with_the_nearest(tmp_path: Path) -> None:
    reason = tried(tmp_path, RECIPE.replace("use: patch, channels: 8", "use: timm-patch, backbone: resnet81"))
    assert "resnet81" in reason
    assert "resnet18" in reason


def test_adapters_that_nothing_matches(tmp_path: Path) -> None:
    reason = tried(tmp_path, RECIPE.replace("  patch: 48", "  patch: 48\n  lora: {targets: attn}"))
    assert reason.startswith("optimize.lora.targets: attn fits no convolution or linear layer; there are head, body.0")


def test_what_cannot_be_descended_or_smoothed_is_refused(tmp_path: Path) -> None:
    line = refused(tmp_path, RECIPE.replace("  patch: 48", "  patch: 48\n  quality: piqe"))
    assert line.endswith("optimize.quality: 'piqe' has no gradients: it can judge, but nothing can descend it")
    line = refused(tmp_path, RECIPE.replace("channels: 8}}", "channels: 8}, objective: hinge, label-smoothing: 0.1}"))
    assert line.endswith("hinge has no labels to be smoothed; only vanilla and lsgan have")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("{use: sma}", "sma asks an assessor: give it `assessor`"),
        ("{use: sma, assessor: psnr}", "'psnr' compares with a reference; sma needs one that does not"),
        ("{use: amo, assessor: niqe}", "'niqe' needs 192 pixels a side, optimize.patch is 48"),
    ],
)
def test_ground_truths_that_cannot_be_chosen(asked: str, told: str, tmp_path: Path) -> None:
    text = RECIPE.replace("{use: photos, split: train}", "{use: photo-groups, split: train}")
    assert refused(tmp_path, text.replace("  patch: 48", f"  patch: 48\n  ground-truth: {asked}")).endswith(told)


def test_one_ground_truth_leaves_nothing_to_choose(tmp_path: Path) -> None:
    line = refused(tmp_path, RECIPE.replace("  patch: 48", "  patch: 48\n  ground-truth: rand"))
    assert line.endswith("'photos' has one ground truth an image: data.train needs a dataset of groups")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("ema: 1", "optimize.ema: 1 would keep the weights of the first step for ever; it is below 1"),
        ("optimizer: {betas: [0.9, 1]}", "optimize.optimizer.betas: [0.9, 1.0] are not two numbers from 0 to below 1"),
        ("optimizer: {betas: [0.9, 0.9, 0.9]}", "betas: [0.9, 0.9, 0.9] are not two numbers from 0 to below 1"),
        ("schedule: multistep", "optimize.schedule: multistep has no milestones, at which its rate would change"),
        ("schedule: {use: cosine, floor: 1}", "optimize.schedule.floor: 1.0 is above the rate, 0.0001"),
        (
            "quality: {use: total-variation, weight: {from: -1, to: 0, over: 2}}",
            "weight.from: must be at least 0, not -1",
        ),
        (
            "quality: {use: total-variation, label: r1}",
            "'r1' is a learning curve of the training itself; choose another",
        ),
        ('quality: {use: total-variation, label: "a/b"}', "label: expects one line without /, not 'a/b'"),
    ],
)
def test_what_nobody_means_is_refused(asked: str, told: str, tmp_path: Path) -> None:
    assert refused(tmp_path, RECIPE.replace("  patch: 48", f"  patch: 48\n  {asked}")).endswith(told)
    if asked.startswith(("optimizer", "schedule")):
        own = RECIPE.replace("channels: 8}}", f"channels: 8}}, {asked}}}")
        assert "optimize.adversarial." in refused(tmp_path, own)


def test_an_adversary_without_a_discriminator_is_a_forgotten_key(tmp_path: Path) -> None:
    line = refused(tmp_path, RECIPE.replace(ADVERSARIAL, "adversarial: {objective: hinge}"))
    assert "optimize.adversarial" in line
    assert "discriminator" in line


def test_a_degradation_that_cannot_be_built_has_its_place(tmp_path: Path) -> None:
    line = refused(tmp_path, RECIPE.replace("scale: 2", "scale: 0"))
    assert "data.degrade: bicubic: scale 0" in line


def test_inputs_of_their_own_and_a_degradation_are_too_much(tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path, 2)
    reason = tried(tmp_path, RECIPE.replace("train: {use: photos, split: train}", f"train: {pairs}"))
    assert reason == "a: has an input of its own, which data.degrade would replace; say degrade: none"


def test_images_to_be_assessed_at_another_scale_are_told_before_training(tmp_path: Path) -> None:
    text = RECIPE.replace("train: {use: photos, split: train}", f"train: {pairs_of(tmp_path, 2)}")
    text = text.replace("degrade: {use: bicubic, scale: 2}", f"test: {pairs_of(tmp_path, 3)}")
    reason = tried(tmp_path, text + "assess: {with: psnr}\n")
    assert reason == "data.test: targets are 3× as large as inputs, but 2× where it learns"


def pairs_of(tmp_path: Path, scale: int) -> str:
    """A folder of one target, and one of an input so many times smaller, as a recipe names them."""
    for name, side in (("HR", 96), (f"LR{scale}", 96 // scale)):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("RGB", (side, side), "grey").save(tmp_path / name / "a.png")
    return f"{{use: folder, path: {tmp_path}/HR, degraded: {tmp_path}/LR{scale}}}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"steps: 1": "steps: 9", "fidelity: [l1]": "fidelity: {use: l1, weight: 1e38}"},
            "loss or gradient not finite in 9 of 9",
        ),
        ({"steps: 1": "steps: 9\n  optimizer: {lr: 1e30}"}, "loss or gradient not finite in 8 of 9 steps: lower"),
        ({"fidelity: [l1]": "optimizer: {use: sgd, lr: 1e39}\n  fidelity: [l1]"}, "the weights are not finite after"),
    ],
)
def test_what_learned_nothing_is_no_success(changes: dict[str, str], told: str, tmp_path: Path) -> None:
    text = RECIPE
    for old, new in changes.items():
        text = text.replace(old, new)
    assert tried(tmp_path, text).startswith(told)


def test_weights_that_do_not_fit_fail_a_run_that_only_assesses(tmp_path: Path) -> None:
    from percept_edsr.edsr import EDSR

    torch.save(EDSR(16, 1).state_dict(), tmp_path / "wide.pth")
    text = from_file(tmp_path / "wide.pth")
    text = text[: text.index("optimize:")].replace("split: train", "split: test, crop: 48").replace("train:", "test:")
    assert "does not fit EDSR: head.weight is (16," in tried(tmp_path, text + "assess: {with: psnr}\n")


def test_a_network_that_nobody_trained_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        RECIPE[: RECIPE.index("optimize:")].replace("split: train", "split: test, crop: 48").replace("train:", "test:")
    )
    path = write(tmp_path, text + "assess: {with: psnr}\n", "tried.yaml")
    (outcome,) = percept.run(path, store=str(tmp_path / "store"), jobs=0)
    assert outcome.status == "ok"
    assert "tried: edsr has random weights: no init, and nothing trains it" in capsys.readouterr().err


def test_validation_needs_images(tmp_path: Path) -> None:
    line = refused(tmp_path, RECIPE.replace("  patch: 48", "  patch: 48\n  validate: {with: psnr, every: 1}"))
    assert line.endswith("optimize.validate: needs data.validate: the images that the best weights are chosen on")


# The address space that torch takes by itself, and 3 GiB.
LIMITED = """
import os, resource, torch
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 3 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from percept.cli import main
main()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to know how much memory is in use")
def test_out_of_memory_says_what_to_lower(tmp_path: Path) -> None:
    """A limit on the address space stands in for a small machine."""
    recipe = write(tmp_path, RECIPE.replace("batch: 1", "batch: 80000"))
    arguments = [sys.executable, "-c", LIMITED, "recipe", "run", recipe, "--store", "store"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (record,) = Store(tmp_path / "store").ledger.records("run")
    assert record.header["status"] == "failed"
    assert record.header["reason"].startswith(
        "out of memory; lower optimize.batch, optimize.patch or the networks' size ("
    )
    assert record.header["reason"] in done.stderr


def test_a_store_where_nothing_could_begin_is_not_missed(tmp_path: Path) -> None:
    """Every cell fails before it runs: what is said is why, not that there is no store."""
    done = command("recipe", "run", write(tmp_path, from_file(tmp_path / "gone.pth")), "--store", str(tmp_path / "new"))
    assert done.returncode == 1
    assert f"{tmp_path}/gone.pth: cannot be read: No such file or directory" in done.stderr
    assert "no such store" not in done.stderr
