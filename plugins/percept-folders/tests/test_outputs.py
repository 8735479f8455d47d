from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from percept.errors import DataError, ImageError
from percept_folders import percept_generators
from percept_folders.outputs import Outputs
from PIL import Image


def save(path: Path, level: int, width: int = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, width, 3), level, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "SUPIR"
    save(root / "a_SUPIR.png", 51)
    save(root / "b" / "a_SUPIR.bmp", 102)
    save(root / "a.png", 255)
    return root


def test_outputs_are_found_by_name(folder: Path) -> None:
    outputs = Outputs(str(folder), "_SUPIR")
    assert outputs.ids == ["a", "b/a"]
    assert [outputs.named(name).unique().item() for name in outputs.ids] == pytest.approx([0.2, 0.4])
    assert outputs.named("a").shape == (1, 3, 6, 7)
    assert outputs.named("a").dtype == torch.float32


def test_without_a_suffix_every_image_is_an_output(folder: Path) -> None:
    assert Outputs(str(folder)).ids == ["a", "a_SUPIR", "b/a_SUPIR"]


def test_files_of_another_ending_may_share_a_name(folder: Path) -> None:
    save(folder / "a.bmp", 0)
    assert Outputs(str(folder), "_SUPIR").ids == ["a", "b/a"]
    with pytest.raises(ImageError, match=r"has the same name; rename one$"):
        Outputs(str(folder))


def test_what_is_absent_is_named_with_what_is_there_instead(folder: Path) -> None:
    (folder / "a.png").unlink()
    with pytest.raises(ImageError, match=r"^folder: .*SUPIR holds no a\.png or the like, but a_SUPIR; .* `suffix`$"):
        Outputs(str(folder)).named("a")
    with pytest.raises(ImageError, match=r"^folder: .*SUPIR holds no b/c_SUPIR\.png or the like; put it there or set"):
        Outputs(str(folder), "_SUPIR").named("b/c")


def test_a_damaged_output_costs_itself_alone(folder: Path) -> None:
    file = folder / "a_SUPIR.png"
    file.write_bytes(file.read_bytes()[:40])
    outputs = Outputs(str(folder), "_SUPIR")
    with pytest.raises(ImageError, match=r"^[^\n]*a_SUPIR\.png: [^\n]+$"):
        outputs.named("a")
    assert outputs.named("b/a").shape == (1, 3, 6, 7)


def test_absent_folders_and_endings_are_told_in_one_line(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^folder: no folder .*/none; put images there or set `path`$"):
        Outputs(str(folder / "none"))
    with pytest.raises(
        DataError, match=r"no image whose name ends in '_SeeSR', only a, a_SUPIR, a_SUPIR; set `suffix`$"
    ):
        Outputs(str(folder), "_SeeSR")


def test_an_image_is_no_name(folder: Path) -> None:
    with pytest.raises(ImageError, match=r"belong to names, not to images of \(1, 3, 4, 5\)"):
        Outputs(str(folder))(torch.zeros(1, 3, 4, 5))


def test_the_fingerprint_follows_names_and_content_not_the_place(folder: Path, tmp_path: Path) -> None:
    mark = Outputs(str(folder), "_SUPIR").fingerprint()
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert Outputs(str(moved), "_SUPIR").fingerprint() == mark
    save(moved / "a.png", 0)
    assert Outputs(str(moved), "_SUPIR").fingerprint() == mark, "no output, and no part of it"
    save(moved / "a_SUPIR.png", 52)
    changed = Outputs(str(moved), "_SUPIR").fingerprint()
    save(moved / "c_SUPIR.png", 1)
    assert len({mark, changed, Outputs(str(moved), "_SUPIR").fingerprint()}) == 3


def test_the_spec_says_that_it_goes_by_name() -> None:
    (spec,) = percept_generators()
    assert (spec.by_name, spec.trainable, spec.scales) == (True, False, ())
