from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from percept.contracts import LABELS
from percept.errors import DataError, ImageError
from percept_folders.groups import Groups
from PIL import Image

CSV = "image,target,label\na,01,negative\na.png,02,Positive\nb/c,01,similar\nb/c,02,positive\n"


def save(path: Path, level: int, size: tuple[int, int] = (8, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), level, np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two originals and two further ground truths each: 01 is called as HGGT does, 02 as the originals."""
    folder = tmp_path / "sets"
    for number, name in enumerate(("a", "b/c")):
        save(folder / "original" / f"{name}.png", 100 * number)
        save(folder / "01" / f"{name}_01.png", 100 * number + 1)
        save(folder / "02" / f"{name}.png", 100 * number + 2)
    (folder / ".cache").mkdir()
    (tmp_path / "labels.csv").write_text(CSV)
    return folder


def groups(root: Path, **more: object) -> Groups:
    return Groups(str(root), **more)  # type: ignore[arg-type]  # parameters of tests


def labelled(root: Path) -> Groups:
    return groups(root, labels=str(root.parent / "labels.csv"))


def levels(data: Groups, index: int) -> list[int]:
    sample = data[index]
    return [round(image.unique().item() * 255) for image in (sample.target, *sample.targets)]


def test_the_original_is_the_target_and_the_others_follow_in_order(root: Path) -> None:
    data = groups(root)
    assert data.ids == ["a", "b/c"]
    assert data.label == "sets"
    assert [levels(data, index) for index in (0, 1)] == [[0, 1, 2], [100, 101, 102]]
    assert data[0].labels == ("positive", "positive")
    assert data[0].degraded is None


def test_labels_put_the_best_first(root: Path) -> None:
    data = labelled(root)
    assert levels(data, 0) == [0, 2, 1]
    assert data[0].labels == ("positive", "negative")
    assert data[1].labels == ("positive", "similar")


def test_another_folder_may_be_the_original(root: Path) -> None:
    (root / "original").rename(root / "raw")
    assert levels(groups(root, original="raw"), 0) == [0, 1, 2]
    with pytest.raises(DataError, match=r"has no folder 'original', only 01, 02, raw; set `original`$"):
        groups(root)


def test_inputs_and_labels_may_lie_beside_the_ground_truths(root: Path) -> None:
    for name in ("ax3", "b/cx3"):
        save(root / "low" / f"{name}.png", 7, (2, 2))
    (root.parent / "labels.csv").rename(root / "labels.csv")
    data = groups(root, degraded=str(root / "low"), degraded_suffix="x3", labels=str(root / "labels.csv"))
    sample = data[0]
    assert sample.degraded is not None
    assert sample.degraded.shape == (3, 2, 2)
    assert {image.shape for image in (sample.target, *sample.targets)} == {(3, 6, 6)}
    assert levels(data, 0) == [0, 2, 1]


def test_missing_ground_truths_are_listed_in_one_line(root: Path) -> None:
    for number in range(6):
        save(root / "original" / f"n{number}.png", 9)
    save(root / "01" / "n0.png", 9)
    message = r"^groups: .*sets lacks 01/n1, 01/n2, 01/n3, 01/n4, 01/n5 and 6 more; put them there, or set `limit`$"
    with pytest.raises(DataError, match=message):
        groups(root)
    assert len(groups(root, limit=2)) == 2


def test_a_folder_that_does_not_serve_is_told_in_one_line(root: Path) -> None:
    with pytest.raises(DataError, match=r"^groups: no folder .*none; put images there or set `path`$"):
        groups(root / "none")
    with pytest.raises(DataError, match=r"c\.png is a file, not a folder; put images there or set `path`$"):
        groups(root / "original" / "b" / "c.png")
    (root / "03").mkdir()
    with pytest.raises(DataError, match=r"^groups: .*03 holds no image; put images there or set `path`$"):
        groups(root)
    with pytest.raises(DataError, match=r"b has no folder 'original', only none; set `original`$"):
        groups(root / "01" / "b")
    with pytest.raises(DataError, match="limit is the number of images to use"):
        groups(root, limit=-1)


def test_an_original_alone_is_no_group(tmp_path: Path) -> None:
    save(tmp_path / "original" / "a.png", 0)
    with pytest.raises(DataError, match="has no ground truths beside 'original'; put each into a folder of its own"):
        groups(tmp_path)


def test_sizes_must_agree(root: Path) -> None:
    save(root / "02" / "a.png", 0, (8, 7))
    data = groups(root)
    with pytest.raises(ImageError, match=r"^[^\n]*02/a\.png: 8×7 pixels, its original 8×6; they must agree$"):
        data[0]
    assert levels(data, 1) == [100, 101, 102]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'image', only no header; it needs image, target, label"),
        ("image,label\na,positive\n", "has no column 'target', only image, label"),
        (CSV.replace("negative", "bad"), ":2: label 'bad' is none of positive, similar, negative"),
        (CSV.replace("a,01", "x.png,01"), ":2: there is no image 'x.png'; correct it"),
        (CSV.replace("a,01", "a,original"), ":2: there is no ground truth 'original', only 01, 02"),
        (CSV.replace("a.png,02", "a,01"), ":3: 01/a is labelled twice"),
        (CSV.replace("b/c,01,similar\n", ""), "has no label for 01/b/c; add them"),
        (CSV + "a\n", ":6: there is no ground truth '', only"),
        ('image,target,label\n"a,01\n', "not a CSV file"),
    ],
)
def test_labels_that_do_not_serve_are_refused_in_one_line(root: Path, text: str, message: str) -> None:
    (root.parent / "labels.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        labelled(root)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_absent_labels_are_named(root: Path) -> None:
    (root.parent / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"labels\.csv: No such file or directory; set `labels` to the CSV file$"):
        labelled(root)


def annotate(folder: Path, opinions: dict[str, dict[str, list[str]]]) -> str:
    """Person → image → labels of pictures 2, 3, … as HGGT writes them."""
    for person, images in opinions.items():
        for image, said in images.items():
            file = folder / person / f"{image}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({f"Picture_{n + 2}": {"Label": label} for n, label in enumerate(said)}))
    return str(folder)


def test_annotations_of_hggt_are_read_by_majority(root: Path, tmp_path: Path) -> None:
    said = {
        "A": {"a": ["Negative", "Positive"], "b/c": ["Positive", "Negative"]},
        "B": {"a": ["Negative", "Positive"], "b/c": ["Similar", "Negative"]},
        "C": {"a": ["Similar", "Negative"], "b/c": ["Negative", "Similar"]},
    }
    data = groups(root, labels=annotate(tmp_path / "labels", said))
    assert (levels(data, 0), data[0].labels) == ([0, 2, 1], ("positive", "negative"))
    assert (levels(data, 1), data[1].labels) == ([100, 101, 102], ("similar", "negative"))


def test_annotations_that_do_not_serve_are_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "labels"
    place.mkdir()
    with pytest.raises(DataError, match="has no folder of an annotator"):
        groups(root, labels=str(place))
    annotate(place, {"A": {"a": ["Positive"]}})
    with pytest.raises(DataError, match=r"A/a\.json: KeyError: 'Picture_3'; it needs a Label for 2 pictures$"):
        groups(root, labels=str(place))
    annotate(place, {"A": {"a": ["Positive", "Nice"]}})
    with pytest.raises(DataError, match=r"A/a\.json: label 'Nice' is none of"):
        groups(root, labels=str(place))
    annotate(place, {"A": {"a": ["Positive", "Negative"]}})
    with pytest.raises(DataError, match=r"A/b/c\.json: No such file"):
        groups(root, labels=str(place))
    assert groups(root, labels=str(place), limit=1)[0].labels == ("positive", "negative")


def test_the_fingerprint_follows_files_and_labels_but_not_the_place(root: Path, tmp_path: Path) -> None:
    marks = [groups(root).fingerprint(), labelled(root).fingerprint(), groups(root, limit=1).fingerprint()]
    moved = tmp_path / "elsewhere" / "data"
    moved.parent.mkdir()
    root.rename(moved)
    assert groups(moved).fingerprint() == marks[0]
    (tmp_path / "labels.csv").write_text(CSV.replace("similar", "negative"))
    marks.append(groups(moved, labels=str(tmp_path / "labels.csv")).fingerprint())
    save(moved / "02" / "a.png", 3)
    marks.append(groups(moved).fingerprint())
    (moved / "02").rename(moved / "00")
    marks.append(groups(moved).fingerprint())
    assert len(set(marks)) == len(marks)


def test_every_label_is_known(root: Path) -> None:
    data = labelled(root)
    assert {label for index in range(2) for label in data[index].labels} == set(LABELS)
