"""A run's name: different settings never share one, equal settings have one."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from percept.execution.identity import run_key
from percept.registry import registry
from percept.stages.identity import file_hash, identity_of
from PIL import Image
from safetensors.torch import save_file

from tests.execution.planning import BICUBIC, TRAINED, UNTRAINED, key_of, planned

SEEDS = "matrix: {seed: [0, 1]}\n"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_file({"a": torch.zeros(1)}, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def folder_of(root: Path, name: str, shade: int = 90) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64), (shade, 20, 200)).save(folder / "image.png")
    return folder


def assessed_with(component: str, **parameters: str) -> object:
    return identity_of(registry().find("assessor", component), parameters)


def test_untrained_networks_of_two_seeds_are_two_runs(tmp_path: Path) -> None:
    cells = planned(tmp_path, UNTRAINED + SEEDS)
    assert [cell.factors["seed"] for cell in cells] == [0, 1]


def test_an_adapter_leaves_the_rest_of_a_network_to_the_seed(tmp_path: Path, weights: Path) -> None:
    assert len(planned(tmp_path, UNTRAINED + SEEDS, f"generator.adapter={weights}")) == 2


@pytest.mark.parametrize("given", ["nothing to draw", "weights from a file"])
def test_where_nothing_is_drawn_seeds_are_one_run(given: str, tmp_path: Path, weights: Path) -> None:
    if given == "nothing to draw":
        assert len(planned(tmp_path, BICUBIC + SEEDS)) == 1
    else:
        assert len(planned(tmp_path, UNTRAINED + SEEDS, f"generator.init={weights}")) == 1


@pytest.mark.parametrize("recipe", [UNTRAINED, TRAINED])
def test_precision_makes_another_run(recipe: str, tmp_path: Path) -> None:
    assert key_of(tmp_path, recipe) != key_of(tmp_path, recipe, "runtime.precision=bfloat16")


@pytest.mark.parametrize("part", ["train", "validate"])
def test_data_are_known_by_content_not_by_name_or_place(part: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "here")
    moved = tmp_path / "there" / "elsewhere"
    chosen = [f"data.validate={{use: folder, path: {folder}}}", "optimize.validate={with: psnr, every: 1}"]
    key = key_of(tmp_path, TRAINED, *chosen, f"data.{part}={{use: folder, path: {folder}}}")
    shutil.copytree(folder, moved)
    assert key == key_of(tmp_path, TRAINED, *chosen, f"data.{part}={{use: folder, path: {moved}, label: other}}")
    other = folder_of(tmp_path, "other", shade=91)
    assert key != key_of(tmp_path, TRAINED, *chosen, f"data.{part}={{use: folder, path: {other}}}")


def test_a_weights_file_may_lie_anywhere(tmp_path: Path, weights: Path) -> None:
    copy = tmp_path / "copies" / "other.safetensors"
    copy.parent.mkdir()
    shutil.copy(weights, copy)
    first = assessed_with("cnniqa", weights=str(weights))
    assert first == assessed_with("cnniqa", weights=str(copy))
    save_file({"a": torch.ones(1)}, copy)
    assert first != assessed_with("cnniqa", weights=str(copy))


def test_a_file_called_like_a_word_is_no_parameter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    discriminator = registry().find("discriminator", "timm-patch")
    before = [identity_of(discriminator, {"backbone": "resnet18", "weights": "timm"}), assessed_with("psnr-y")]
    for name in ("resnet18", "timm", "y", "patch"):
        (tmp_path / name).write_text("not asked")
    after = [identity_of(discriminator, {"backbone": "resnet18", "weights": "timm"}), assessed_with("psnr-y")]
    assert before == after


def test_a_bare_name_is_a_file_where_words_are_no_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "allmodel").write_text("one")
    first = assessed_with("brisque", model="allmodel")
    (tmp_path / "allmodel").write_text("another")
    assert first != assessed_with("brisque", model="allmodel")


@pytest.mark.parametrize("text", ["a" * 300, "/" + "a" * 300, "~nobody-of-that-name/file", "a\0b", ""])
def test_any_text_is_a_value(text: str) -> None:
    assert assessed_with("niqe", model=text)["parameters"] == {"model": text}  # type: ignore[index]  # a dict


def test_a_file_that_does_not_change_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"1")
    first = file_hash(path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda self, _mode: pytest.fail(f"{self} is read again"))
        assert file_hash(path) == first
    path.write_bytes(b"22")
    assert file_hash(path) == hashlib.sha256(b"22").hexdigest()


def test_what_is_only_written_down_more_often_is_the_same_run(tmp_path: Path) -> None:
    (cell,) = planned(tmp_path, TRAINED)
    optimize = {**cell.config["optimize"], "log-every": 3, "checkpoint-every": 7}
    config = {**cell.config, "optimize": optimize}
    assert run_key(config, "data", {}) == run_key(cell.config, "data", {})
    assert run_key(config, "data", {}) != run_key(config, "other data", {})
