from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from percept.errors import DataError, ImageError
from percept_folders.rated import Rated
from PIL import Image

TABLE = """image,reference,kind,dmos,std
wn/a_1.png,ref/a.png,noise,62.5,4
wn/a_2.png,ref/a.png,noise,20,3.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("ref/a.png", "wn/a_1.png", "wn/a_2.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((6, 7, 3), 50 * number, np.uint8)).save(tmp_path / name)
    (tmp_path / "scores.csv").write_text(TABLE)
    return tmp_path


def rated(folder: Path, **more: object) -> Rated:
    return Rated(str(folder / "scores.csv"), **{"score": "dmos", **more})  # type: ignore[arg-type]  # parameters of tests


def test_samples_have_the_reference_as_target_and_what_people_said(folder: Path) -> None:
    data = rated(folder, std="std", distortion="kind", lower_is_better=True)
    assert data.ids == ["wn/a_1", "wn/a_2"]
    assert data.label == folder.name
    sample = data[1]
    assert sample.rating is not None
    assert (sample.rating.mos, sample.rating.std) == (-20, 3.5)
    assert (sample.rating.reference, sample.rating.distortion) == ("ref/a", "noise")
    assert sample.degraded is not None
    assert (sample.target.unique().item(), round(sample.degraded.unique().item() * 255)) == (0, 100)


def test_what_the_table_does_not_say_is_unknown(folder: Path) -> None:
    rating = rated(folder)[0].rating
    assert rating is not None
    assert rating.mos == 62.5
    assert math.isnan(rating.std)
    assert rating.distortion == ""


def test_the_fingerprint_follows_files_and_scores_but_not_the_place(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = rated(folder).fingerprint()
    moved = tmp_path_factory.mktemp("other") / "data"
    folder.rename(moved)
    assert rated(moved).fingerprint() == first
    (moved / "scores.csv").write_text(TABLE.replace("62.5", "62.6"))
    assert rated(moved).fingerprint() != first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,reference\na,b\n", "no column 'dmos', only image, reference; set `score`"),
        ("image,reference,dmos\n", "lists no image"),
        ("image,reference,dmos\na,b,great\n", ":2: 'great' is not a number"),
        ("image,reference,dmos\na,b,1\na,b,2\n", "a is listed twice"),
        ("", "no header"),
    ],
)
def test_a_table_that_does_not_serve_is_refused_in_one_line(folder: Path, text: str, message: str) -> None:
    (folder / "scores.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        rated(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_absent_files_are_named(folder: Path) -> None:
    with pytest.raises(DataError, match="set `path`"):
        Rated(str(folder / "none.csv"))
    (folder / "wn/a_1.png").unlink()
    with pytest.raises(DataError, match="a_1"):
        rated(folder).fingerprint()


def test_sizes_must_agree(folder: Path) -> None:
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(folder / "wn/a_1.png")
    with pytest.raises(ImageError, match="8×6 pixels, its reference 7×6"):
        rated(folder)[0]
