from __future__ import annotations

import importlib.machinery
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
import torch
from percept.contracts import DataError, ImageError
from percept_photos import percept_datasets, photos
from percept_photos.photos import SPLITS, Photos


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packaged photographs, which `photos` takes for scikit-image's own."""
    data = tmp_path / "data"
    data.mkdir()
    for name in SPLITS["all"]:
        shutil.copy(Path(skimage.data.__file__).parent / name, data)
    spec = importlib.machinery.ModuleSpec("skimage", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(photos, "find_spec", lambda name: spec)
    return data


def test_splits_are_those_of_the_spec_and_train_comes_first() -> None:
    spec = percept_datasets()[0]
    assert spec.splits == tuple(SPLITS)
    assert Photos().ids == Photos(spec.splits[0]).ids  # type: ignore[arg-type]  # the spec's splits are any str


def test_nothing_of_the_test_split_is_trained_on() -> None:
    train, test, both = (set(Photos(split).ids) for split in ("train", "test", "all"))
    assert test == {"astronaut", "chelsea"}
    assert not train & test
    assert train | test == both
    assert {"motorcycle_left", "motorcycle_right"} <= train


def test_samples_are_the_photographs() -> None:
    dataset = Photos("test")
    for index, name in enumerate(dataset.ids):
        target, expected = dataset[index].target, getattr(skimage.data, name)()
        assert target.dtype == torch.float32
        assert torch.equal((target * 255).round().to(torch.uint8), torch.from_numpy(expected).permute(2, 0, 1))


def test_every_photograph_is_read_as_colour() -> None:
    dataset = Photos("all")
    assert len(dataset) == 9
    for index, name in enumerate(dataset.ids):
        sample = dataset[index]
        assert sample.id == name
        assert (sample.degraded, sample.rating) == (None, None)
        assert sample.target.shape[0] == 3
        assert min(sample.target.shape[1:]) >= 300
        assert (sample.target[0] - sample.target[2]).abs().max() > 0.1
        assert 0 <= sample.target.min() < sample.target.max() <= 1


def test_fingerprint_follows_the_files_not_the_folder(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = {split: Photos(split).fingerprint() for split in ("train", "test", "all")}
    (elsewhere / "chelsea.png").write_bytes((elsewhere / "astronaut.png").read_bytes())
    changed = {split: Photos(split).fingerprint() for split in ("train", "test", "all")}
    monkeypatch.undo()
    assert copied == {split: Photos(split).fingerprint() for split in ("train", "test", "all")}
    assert [split for split in copied if changed[split] != copied[split]] == ["test", "all"]
    assert len(set(copied.values())) == 3


def test_absent_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"^photos: scikit-image.* is not installed; pip install scikit-image$"):
        Photos()


def test_absent_files_are_named(elsewhere: Path) -> None:
    (elsewhere / "coffee.png").unlink()
    (elsewhere / "rocket.jpg").unlink()
    with pytest.raises(DataError, match=r"lacks coffee\.png, rocket\.jpg; pip install"):
        Photos("train")
    assert len(Photos("test")) == 2


def test_damaged_file_is_named_when_it_is_read(elsewhere: Path) -> None:
    (elsewhere / "chelsea.png").write_bytes((elsewhere / "chelsea.png").read_bytes()[:1000])
    dataset = Photos("test")
    assert dataset[0].id == "astronaut"
    with pytest.raises(ImageError, match=r"chelsea\.png: damaged"):
        dataset[1]


def test_unknown_split_is_answered_with_the_known() -> None:
    with pytest.raises(DataError, match="no split 'val'; it has train, test, all"):
        Photos("val")  # type: ignore[arg-type]  # what a recipe may say


def test_spec_and_dataset_do_not_import_what_is_heavy() -> None:
    code = (
        "import percept_photos, sys; a = {'torch', 'numpy'} & set(sys.modules)\n"
        "from percept_photos.photos import Photos; Photos().fingerprint(); print(a, 'skimage' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set() False"
