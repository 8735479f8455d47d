"""`percept assess` on real files: what is matched with what, what comes out, and what a store then holds."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from percept.cli import main
from percept.images import read_image
from percept.stages import scoring
from percept.stages.files import ahead, assess_files, work
from percept.stages.judge import Judge
from percept_store import Store, open_cube
from PIL import Image

NAMES = ("baby", "bird", "head")


@dataclass
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def assess(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`percept …` in the folder of the test's files, in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, command: str = "assess") -> Done:
        monkeypatch.setattr(sys, "argv", ["percept", *command.split(), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run


def save(path: Path, seed: int, noise: float = 0, size: tuple[int, int] = (40, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    clean = np.random.default_rng(seed).uniform(60, 200, (size[1], size[0], 3))
    image = clean + noise * np.random.default_rng(seed + 99).standard_normal(clean.shape)
    Image.fromarray(image.round().clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """gt/NAME.png, A/NAMEx4.png with little noise, B/NAME.bmp with more."""
    for seed, name in enumerate(NAMES):
        save(tmp_path / "gt" / f"{name}.png", seed)
        save(tmp_path / "A" / f"{name}x4.png", seed, 5)
        save(tmp_path / "B" / f"{name}.bmp", seed, 20)
    return tmp_path


def images_of(done: Done) -> dict[str, dict[str, Any]]:
    return {f"{one['set']}/{one['image']}": one for one in json.loads(done.out)["images"]}


def test_sets_against_one_reference_folder(assess: Run, files: Path) -> None:
    done = assess("A", "B", "--reference", "gt", "--with", "psnr,ssim", "--with", "gmsd", "--suffix", "x4")
    lines = [line.split() for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert lines[0] == ["set", "image", "psnr", "↑", "ssim", "↑", "gmsd", "↓"]
    assert [line[:2] for line in lines[1:7]] == [[s, n] for s in "AB" for n in NAMES]
    assert [line[:2] for line in lines[8:]] == [["A", "mean"], ["B", "mean"]]
    assert float(lines[8][2]) > float(lines[9][2])


def test_scores_are_those_of_the_assessor(assess: Run, files: Path) -> None:
    from percept import assessor

    done = assess("B", "--reference", "gt", "--with", "psnr", "--crop-border", "4", "--eight-bit", "--json")
    output, target = (read_image(files / p)[None, :, 4:-4, 4:-4] for p in ("B/bird.bmp", "gt/bird.png"))
    psnr = assessor("psnr")
    told = json.loads(done.out)
    (one,) = told["assessors"]
    assert one["label"] == "psnr(crop-border=4, 8-bit)"
    assert images_of(done)["B/bird"]["scores"][one["label"]] == psnr.score(output, psnr.prepare(target)).item()
    values = [image["scores"][one["label"]] for image in told["images"]]
    assert told["sets"] == [
        {"set": "B", "images": 3, "scored": {one["label"]: 3}, "mean": {one["label"]: pytest.approx(sum(values) / 3)}}
    ]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["A/*.png", "B"], ["A/baby", "A/bird", "A/head", "B/baby", "B/bird", "B/head"]),
        (["[AB]/b*"], ["A/baby", "A/bird", "B/baby", "B/bird"]),
        (["[AB]"], ["A/baby", "A/bird", "A/head", "B/baby", "B/bird", "B/head"]),
        (["A/babyx4.png", "./A/birdx4.png", "B/head.bmp", "A/babyx4.png"], ["A/baby", "A/bird", "B/head"]),
        (["deep/**/*.png"], ["deep/baby", "deep/bird"]),
        (["deep/**"], ["deep/baby", "deep/bird"]),
        (["deep/x/y"], ["y/bird"]),
        (["de*/**/b*.png"], ["deep/baby", "deep/bird"]),
    ],
)
def test_folders_files_and_patterns(paths: list[str], found: list[str], assess: Run, files: Path) -> None:
    save(files / "deep" / "x" / "baby.png", 0, 5)
    save(files / "deep" / "x" / "y" / "bird.png", 1, 5)
    (files / "A" / "notes.txt").write_text("no image")
    done = assess(*paths, "--reference", "gt", "--with", "psnr", "--suffix", "x4", "--json")
    assert list(images_of(done)) == found
    assert all(one["problems"] == {} for one in images_of(done).values())


def test_sets_of_one_name_are_told_apart_and_names_may_be_given(assess: Run, files: Path) -> None:
    for method in ("m1", "m2"):
        save(files / method / "out" / "baby.png", 0, 5)
    arguments = ("m1/out", "m2/out", "--reference", "gt", "--with", "psnr", "--json")
    assert list(images_of(assess(*arguments))) == ["m1/out/baby", "m2/out/baby"]
    assert list(images_of(assess(*arguments, "--name", "one", "--name", "two"))) == ["one/baby", "two/baby"]
    done = assess(*arguments, "--name", "one")
    assert (done.code, done.err) == (
        2,
        "percept: --name: 1 names for 2 sets of images (m1/out, m2/out); give one for each\n",
    )


def test_formats_of_one_name_keep_their_suffix(assess: Run, files: Path) -> None:
    save(files / "C" / "baby.png", 0, 5)
    save(files / "C" / "baby.bmp", 0, 9)
    done = assess("C", "--reference", "gt/*.png", "--with", "psnr", "--json")
    assert list(images_of(done)) == ["C/baby.bmp", "C/baby.png"]
    assert all(one["scores"]["psnr"] > 20 for one in images_of(done).values())


def test_one_reference_for_all_and_none_at_all(assess: Run, files: Path) -> None:
    done = assess("B", "--reference", "gt/baby.png", "--with", "psnr", "--json")
    scores = {name: one["scores"]["psnr"] for name, one in images_of(done).items()}
    assert scores["B/baby"] > max(scores["B/bird"], scores["B/head"])
    save(files / "N" / "large.png", 5, 5, (200, 200))
    assert images_of(assess("N", "--with", "niqe", "--json"))["N/large"]["scores"]["niqe"] > 0


def test_wrong_suffix_is_told_with_the_right_one(assess: Run, files: Path) -> None:
    done = assess("A", "--reference", "gt", "--with", "psnr")
    assert done.code == 2
    assert done.err.endswith("(babyx4, not baby); did you mean --suffix x4?\n")
    done = assess("A", "B", "--reference", "gt", "--with", "psnr")
    assert done.code == 1
    assert done.err.splitlines() == [
        "A: no reference for 3 of 3 images: babyx4, birdx4, headx4; did you mean --suffix x4?",
        "A: no image for 3 of 3 references: baby, bird, head",
    ]
    assert "mean of 0 of 3" in done.out


def test_many_names_without_a_partner_are_one_line(assess: Run, files: Path) -> None:
    for number in range(40):
        save(files / "B" / f"extra{number}.png", number, 5, (8, 8))
        save(files / "gt" / f"more{number}.png", number, 0, (8, 8))
    done = assess("B", "--reference", "gt", "--with", "psnr")
    lonely, unused = done.err.splitlines()
    assert lonely.startswith("B: no reference for 40 of 43 images: extra0, ")
    assert lonely.endswith("and 35 more")
    assert unused.startswith("B: no image for 40 of 43 references: ")
    assert "mean of 3 of 43" in done.out


def test_what_is_broken_costs_only_itself(assess: Run, files: Path) -> None:
    (files / "B" / "baby.bmp").write_bytes((files / "B" / "baby.bmp").read_bytes()[:200])
    save(files / "B" / "bird.bmp", 1, 5, (30, 30))
    (files / "gt" / "large.png").write_text("no image")
    save(files / "B" / "large.png", 7, 5, (200, 200))
    arguments = ("B", "--reference", "gt", "--with", "psnr,niqe")
    done = assess(*arguments, "--json")
    found = images_of(done)
    assert done.code == 1
    assert found["B/head"]["scores"]["psnr"] > 10
    assert found["B/head"]["problems"] == {"niqe": "needs at least 192 pixels a side, has 40×32"}
    assert found["B/large"]["scores"]["psnr"] is None
    assert found["B/large"]["scores"]["niqe"] > 0
    lines = sorted(done.err.splitlines())
    assert len(lines) == 5
    assert lines[0].startswith("B/baby.bmp: damaged image")
    assert lines[1] == "B/bird.bmp: is 30×30, its reference gt/bird.png is 40×32: make them the same size"
    assert lines[2] == "B/bird.bmp: niqe: needs at least 192 pixels a side, has 30×30"
    assert lines[4].startswith("gt/large.png: not an image")
    rows = list(csv.DictReader(io.StringIO(assess(*arguments, "--format", "csv").out)))
    assert [row["image"] for row in rows] == ["baby", "bird", "head", "large"]
    assert rows[2]["problem"] == "niqe: needs at least 192 pixels a side, has 40×32"
    assert float(rows[2]["psnr"]) == found["B/head"]["scores"]["psnr"]
    assert rows[0]["psnr"] == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["A", "--with", "psnr,ssim,niqe"], "percept: psnr, ssim: nothing to compare with; give --reference"),
        (["A/*.tif", "--with", "niqe"], "percept: A/*.tif: no image fits this pattern"),
        (["A", "--with", "niqe", "--out", "gone/x.csv"], "percept: --out gone/x.csv: no folder gone; make it first"),
        (["A", "--with", ","], "percept: --with: name an assessor, as in --with psnr,ssim"),
        (["A", "--with", "psnr", "--reference", "gone"], "percept: gone: no such file or folder"),
    ],
)
def test_wrong_input_is_one_line_before_anything_is_decoded(
    arguments: list[str], line: str, assess: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "read_image", None)
    done = assess(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [done.err.rstrip("\n")]
    assert done.err.startswith(line)


def test_out_is_written_whole_and_means_are_printed(assess: Run, files: Path) -> None:
    done = assess("A", "B", "--reference", "gt", "--with", "psnr", "--suffix", "x4", "--out", "scores.csv")
    assert done.err == "wrote scores.csv\n"
    assert [line.split()[:2] for line in done.out.splitlines()] == [["set", "image"], ["A", "mean"], ["B", "mean"]]
    assert len((files / "scores.csv").read_text().splitlines()) == 7
    assert not list(files.glob(".scores*"))
    assess("B", "--reference", "gt", "--with", "psnr", "--out", "scores.json")
    assert json.loads((files / "scores.json").read_text())["sets"][0]["images"] == 3


class Counting:
    """An assessor that counts its calls; it fails where it is told to."""

    def __init__(self, calls: Counter[str], fail: str = "") -> None:
        self.calls, self.fail = calls, fail

    def prepare(self, reference: torch.Tensor) -> torch.Tensor:
        self.calls["prepare"] += 1
        if self.fail == "prepare":
            raise RuntimeError("no\nidea")
        return reference

    def score(self, images: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        self.calls["score"] += 1
        if self.fail == "score":
            raise ValueError("never")
        return (images - state).abs().mean((1, 2, 3))


def test_references_are_prepared_once_and_files_decoded_once(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: dict[str, Counter[str]] = {"psnr": Counter(), "ssim": Counter(), "gmsd": Counter()}
    fails = {"ssim": "prepare", "gmsd": "score"}
    decoded: Counter[Path] = Counter()

    def build(*arguments: Any) -> list[Judge]:
        (judge,) = scoring.build_assessors(*arguments)
        judge.assessor = Counting(calls[judge.facts["name"]], fails.get(judge.facts["name"], ""))
        return [judge]

    def read(path: Path) -> torch.Tensor:
        decoded[path] += 1
        return read_image(path)

    monkeypatch.setattr(work, "build_assessors", build)
    monkeypatch.setattr(ahead, "read_image", read)
    assessed = assess_files([files / "A", files / "B"], ["psnr", "ssim", "gmsd"], files / "gt", suffixes=["x4"])
    assert calls["psnr"] == {"prepare": 3, "score": 6}
    assert calls["ssim"] == {"prepare": 3}
    assert set(decoded.values()) == {1}
    assert len(decoded) == 9
    assert {one.scores[0].ok for one in assessed.images} == {True}
    assert {one.scores[1].reason for one in assessed.images} == {"RuntimeError: no idea"}
    assert {one.scores[2].reason for one in assessed.images} == {"ValueError: never"}


def test_a_store_keeps_scores_and_computes_only_what_is_missing(
    assess: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("A", "B", "--reference", "gt", "--suffix", "x4", "--store", "store", "--json")
    first = assess(*arguments, "--with", "psnr")
    assert first.err == "6 new scores, 0 held before; cube: store/cube.zarr\n"
    monkeypatch.setattr(ahead, "read_image", None)
    again = assess(*arguments, "--with", "psnr")
    assert again.err == "0 new scores, 6 held before; cube: store/cube.zarr\n"
    assert again.out == first.out
    monkeypatch.undo()
    monkeypatch.chdir(files)
    more = assess(*arguments, "--with", "psnr,gmsd")
    assert more.err == "6 new scores, 6 held before; cube: store/cube.zarr\n"
    headers = [record.header for record in Store(files / "store").ledger.records("assessment")]
    assert sorted(one["name"] for header in headers for one in header["assessors"]) == ["gmsd", "gmsd", "psnr", "psnr"]
    assert all(len(image["file"]) == len(image["reference_file"]) == 64 for h in headers for image in h["images"])
    rows = json.loads(assess("--store", "store", "--by", "generator", "--json", command="cube query").out)
    means = {one["set"]: one["mean"] for one in json.loads(more.out)["sets"]}
    assert {(r["generator"], r["assessor"]): r["mean"] for r in rows} == {
        (name, label): pytest.approx(mean) for name in "AB" for label, mean in means[name].items()
    }


def test_stored_scores_stand_beside_a_recipes(assess: Run, files: Path) -> None:
    recipe = files / "base.yaml"
    recipe.write_text(
        "percept: 1\ndata: {test: {use: folder, path: gt}, degrade: {use: bicubic, scale: 2}}\n"
        "generator: bicubic\nassess: {with: [psnr]}\n"
    )
    assert assess(str(recipe), "--store", "store", "--jobs", "0", command="recipe run").code == 0
    assert assess("B", "--reference", "gt", "--with", "psnr", "--store", "store", "--name", "mine").code == 0
    cube = open_cube(str(files / "store"))
    assert dict(cube.sizes) == {"run": 2, "assessor": 1, "image": 3}
    assert sorted(cube.generator.values.tolist()) == ["bicubic", "mine"]
    assert int((cube.status == 1).sum()) == 6


def test_a_set_may_grow_but_changed_files_are_another_run(assess: Run, files: Path) -> None:
    arguments = ("B", "--reference", "gt", "--with", "psnr", "--store", "store")
    assess("B/baby.bmp", *arguments[1:])
    assert assess(*arguments).err.endswith("2 new scores, 1 held before; cube: store/cube.zarr\n")
    assert len(list(Store(files / "store").ledger.records("run"))) == 1
    save(files / "B" / "bird.bmp", 1, 3)
    done = assess(*arguments)
    assert done.err.startswith("B: the store has other files by this name; these are run ")
    assert "3 new scores, 0 held before" in done.err
    assert len(list(Store(files / "store").ledger.records("run"))) == 2


def test_a_mended_file_joins_its_set_and_failures_are_kept_once(assess: Run, files: Path) -> None:
    whole = (files / "B" / "bird.bmp").read_bytes()
    (files / "B" / "bird.bmp").write_bytes(whole[:300])
    arguments = ("B", "--reference", "gt", "--with", "psnr", "--store", "store")
    assert assess(*arguments).code == assess(*arguments).code == 1
    assert len(list(Store(files / "store").ledger.records("assessment"))) == 1
    assert int((open_cube(str(files / "store")).status == 2).sum()) == 1
    (files / "B" / "bird.bmp").write_bytes(whole)
    assert assess(*arguments).code == 0
    cube = open_cube(str(files / "store"))
    assert cube.status.values.tolist() == [[[1, 1, 1]]]


def test_without_a_reference_images_are_kept_by_their_set_or_label(assess: Run, files: Path) -> None:
    save(files / "N" / "large.png", 5, 5, (200, 200))
    assess("N", "--with", "niqe", "--store", "store")
    assess("N", "--with", "niqe", "--store", "store", "--label", "wild")
    assert open_cube(str(files / "store")).image.values.tolist() == ["N/large", "wild/large"]


def test_what_was_judged_before_an_interruption_is_kept(files: Path) -> None:
    def stop(images: Any, total: int) -> Any:
        for number, one in enumerate(images):
            if number == 2:
                raise KeyboardInterrupt
            yield one

    with pytest.raises(KeyboardInterrupt):
        assess_files([files / "B"], ["psnr"], files / "gt", store=files / "store", watch=stop)
    done = assess_files([files / "B"], ["psnr"], files / "gt", store=files / "store")
    assert (done.new, done.held) == (1, 2)


def test_processes_give_the_same(files: Path) -> None:
    found = [assess_files([files / "B"], ["psnr"], files / "gt", jobs=jobs).images for jobs in (1, 2)]
    assert found[0] == found[1]


def test_narrow_terminals_get_several_tables(files: Path) -> None:
    from percept.cli.scores import as_table

    save(files / "C" / ("a-very-long-name-" * 3 + "baby.png"), 0, 5)
    assessed = assess_files([files / "C"], ["psnr", "ssim", "gmsd"], files / "gt" / "baby.png")
    lines = as_table(assessed, 40).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].startswith("…")
    assert as_table(assessed, 30).splitlines()[0].split() == ["image", "psnr", "↑", "ssim", "↑"]
