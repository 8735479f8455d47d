from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from percept.contracts import DataError, ImageError, Sample
from percept_folders import files
from percept_folders.folder import Folder
from PIL import Image
from torch import Tensor

DATA = Path(os.environ.get("PERCEPT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
SET5 = DATA / "photos" / "set5"


@pytest.fixture
def photo() -> Image.Image:
    return Image.fromarray(skimage.data.chelsea()[100:148, 200:260])  # type: ignore[no-untyped-call]  # not annotated


@pytest.fixture
def images(tmp_path: Path, photo: Image.Image) -> Path:
    root = tmp_path / "images"
    (root / "b").mkdir(parents=True)
    photo.save(root / "a.png")
    photo.rotate(180).save(root / "b" / "a.jpg", quality=95)
    photo.convert("L").save(root / "c.png")
    (root / "notes.txt").write_text("no image")
    (root / ".hidden.png").write_bytes(b"")
    return root


def _only(root: Path) -> Folder:
    return Folder(str(root))


def _all(dataset: Folder) -> list[Sample]:
    return [dataset[index] for index in range(len(dataset))]


def _levels(target: Tensor) -> Tensor:
    return (target * 255).round().permute(1, 2, 0).to(torch.uint8)


def _pixels(image: Image.Image) -> Tensor:
    return torch.tensor(np.array(image))


def test_ids_are_the_names_below_the_folder(images: Path) -> None:
    dataset = Folder(str(images))
    assert dataset.ids == ["a", "b/a", "c"]
    assert [sample.id for sample in _all(dataset)] == dataset.ids
    assert len(dataset) == 3


def test_samples_are_the_images(images: Path, photo: Image.Image) -> None:
    sample = Folder(str(images))[0]
    assert sample.degraded is None
    assert sample.target.shape == (3, 48, 60)
    assert torch.equal(_levels(sample.target), _pixels(photo))


def test_limit_keeps_the_first(images: Path) -> None:
    assert Folder(str(images), limit=2).ids == ["a", "b/a"]
    assert len(Folder(str(images), limit=99)) == 3
    with pytest.raises(DataError, match="limit is the number of images to use, or 0 for all, not -1"):
        Folder(str(images), limit=-1)


def test_path_is_relative_to_the_current_directory_and_home_is_expanded(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images.parent)
    monkeypatch.setenv("HOME", str(images.parent))
    expected = Folder(str(images)).fingerprint()
    assert Folder("images").fingerprint() == expected
    assert Folder("~/images").fingerprint() == expected


def test_absent_folder_says_what_to_put_where(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"^folder: no folder .*/none; put images there or set `path`$"):
        Folder(str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"^folder: .*/a\.png is a file, not a folder; .* set `path`$"):
        Folder(str(tmp_path / "a.png"))
    with pytest.raises(DataError, match=r"^folder: no folder .*/none; put images there or set `degraded`$"):
        Folder(str(tmp_path), degraded=str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"^folder: ~no-such-user-of-percept/x: .*; set `path`$"):
        Folder("~no-such-user-of-percept/x")


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match="holds no image; put images there or set `path`"):
        Folder(str(tmp_path))


def test_two_files_of_one_name_are_refused(images: Path, photo: Image.Image) -> None:
    photo.save(images / "a.bmp")
    with pytest.raises(ImageError, match=r"a\.png: a\.bmp beside it has the same name"):
        Folder(str(images))


def test_fingerprint_does_not_depend_on_the_place(images: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "images"
    shutil.copytree(images, moved)
    assert Folder(str(moved)).fingerprint() == Folder(str(images)).fingerprint()


def test_fingerprint_follows_names_bytes_and_limit(images: Path) -> None:
    marks = [Folder(str(images)).fingerprint(), Folder(str(images), limit=2).fingerprint()]
    marks.append(Folder(str(images), degraded=str(images)).fingerprint())
    (images / "c.png").rename(images / "d.png")
    marks.append(Folder(str(images)).fingerprint())
    shutil.copy(images / "a.png", images / "d.png")
    marks.append(Folder(str(images)).fingerprint())
    assert len(set(marks)) == len(marks)


def test_damaged_images_are_named_when_they_are_read(images: Path) -> None:
    jpeg = images / "b" / "a.jpg"
    jpeg.write_bytes(jpeg.read_bytes()[:-400])
    dataset = Folder(str(images))
    assert dataset[0].id == "a"
    with pytest.raises(ImageError, match=r"^[^\n]*b/a\.jpg: damaged image \([^\n]*truncated[^\n]*$"):
        dataset[1]


def test_grey_has_three_equal_channels(images: Path, photo: Image.Image) -> None:
    target = Folder(str(images))[2].target
    assert torch.equal(target[0], target[1])
    assert torch.equal(target[0], target[2])
    assert torch.equal(_levels(target)[..., 0], _pixels(photo.convert("L")))


def test_transparency_is_refused_and_opacity_dropped(tmp_path: Path, photo: Image.Image) -> None:
    rgba = photo.convert("RGBA")
    rgba.save(tmp_path / "opaque.png")
    rgba.putpixel((3, 4), (1, 2, 3, 254))
    rgba.save(tmp_path / "seen-through.png")
    dataset = _only(tmp_path)
    assert dataset[0].target.shape == (3, 48, 60)
    with pytest.raises(ImageError, match=r"seen-through\.png: has transparent pixels"):
        dataset[1]


def test_sixteen_bit_grey_keeps_its_precision(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert _only(tmp_path)[0].target[1, 0].tolist() == pytest.approx([0, 1 / 65535, 1], rel=1e-6)


def test_a_single_pixel_is_an_image(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (255, 0, 51)).save(tmp_path / "a.png")
    assert _only(tmp_path)[0].target.flatten().tolist() == pytest.approx([1, 0, 0.2])


def test_pairs_are_matched_by_name_whatever_the_suffix(images: Path, tmp_path: Path, photo: Image.Image) -> None:
    small = tmp_path / "small"
    (small / "b").mkdir(parents=True)
    for name in ("c.bmp", "b/a.png", "a.webp", "unused.png"):
        photo.resize((30, 24)).save(small / name)
    dataset = Folder(str(images), degraded=str(small), limit=2)
    assert dataset.ids == ["a", "b/a"]
    for sample in _all(dataset):
        assert sample.degraded is not None
        assert (sample.target.shape, sample.degraded.shape) == ((3, 48, 60), (3, 24, 30))


def test_missing_partners_are_listed_in_one_line(tmp_path: Path, photo: Image.Image) -> None:
    for folder in ("high", "low"):
        (tmp_path / folder).mkdir()
    for number in range(9):
        photo.save(tmp_path / "high" / f"{number}.png")
    photo.save(tmp_path / "low" / "0x2.png")
    message = r"low lacks 1x2, 2x2, 3x2, 4x2, 5x2 and 3 more; put them there or set `degraded_suffix`$"
    with pytest.raises(DataError, match=message):
        Folder(str(tmp_path / "high"), degraded=str(tmp_path / "low"), degraded_suffix="x2")


@pytest.mark.parametrize(("small", "kept"), [((20, 16), (60, 48)), ((19, 15), (57, 45)), ((60, 48), (60, 48))])
def test_target_is_cropped_to_a_whole_multiple(
    tmp_path: Path, photo: Image.Image, small: tuple[int, int], kept: tuple[int, int]
) -> None:
    for folder, image in (("high", photo), ("low", photo.resize(small))):
        (tmp_path / folder).mkdir()
        image.save(tmp_path / folder / "a.png")
    if small == (19, 15):
        photo.crop((0, 0, 59, 47)).save(tmp_path / "high" / "a.png")
    target = Folder(str(tmp_path / "high"), degraded=str(tmp_path / "low"))[0].target
    assert torch.equal(_levels(target), _pixels(photo.crop((0, 0, *kept))))


@pytest.mark.parametrize("small", [(21, 16), (7, 7), (61, 48), (59, 48), (30, 12)])
def test_sizes_that_do_not_belong_together_are_refused(
    tmp_path: Path, photo: Image.Image, small: tuple[int, int]
) -> None:
    for folder, image in (("high", photo), ("low", photo.resize(small))):
        (tmp_path / folder).mkdir()
        image.save(tmp_path / folder / "a.png")
    dataset = Folder(str(tmp_path / "high"), degraded=str(tmp_path / "low"))
    with pytest.raises(ImageError, match=rf"low/a\.png: {small[0]}×{small[1]} is no whole fraction .* 60×48"):
        dataset[0]


@pytest.mark.skipif(not SET5.is_dir(), reason="Set5 is not there; PERCEPT_TEST_DATA names the folder of test data")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_set5_pairs(scale: int) -> None:
    dataset = Folder(str(SET5 / "HR"), degraded=str(SET5 / "LR_bicubic" / f"X{scale}"), degraded_suffix=f"x{scale}")
    assert dataset.ids == ["baby", "bird", "butterfly", "head", "woman"]
    for sample in _all(dataset):
        assert sample.degraded is not None
        small = torch.nn.functional.interpolate(
            sample.target[None], size=sample.degraded.shape[1:], mode="bicubic", antialias=True
        )[0]
        assert (small - sample.degraded).abs().mean() < 0.005


def test_files_are_hashed_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    original = files.sha256

    def counting(path: Path) -> str:
        hashed.append(path)
        return original(path)

    monkeypatch.setattr(files, "sha256", counting)
    dataset = Folder(str(images))
    assert not hashed
    assert dataset.fingerprint() == dataset.fingerprint()
    assert len(hashed) == 3


def test_spec_is_light() -> None:
    code = "import percept_folders, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
