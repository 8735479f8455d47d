"""Each thing that people get wrong: one clear line that says what and where, no traceback, nothing lost, others go on."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from percept_store import Store, open_cube
from PIL import Image

from tests.recipes import SMALL, percept, write

BASELINE = """\
percept: 1
name: folders
data:
  test: {{use: folder, path: {path}}}
  degrade: {{use: bicubic, scale: 2}}
generator: bicubic
assess: {{with: [{assessors}]}}
"""


def photograph(size: int = 64) -> np.ndarray:
    from skimage.data import astronaut

    image: np.ndarray = astronaut()
    return image[100 : 100 + size, 200 : 200 + size]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(photograph()).save(folder / "good.png")
    return folder


def assessed(folder: Path, tmp_path: Path, assessors: str = "psnr") -> tuple[str, Store]:
    recipe = write(tmp_path, BASELINE.format(path=folder, assessors=assessors), "folders.yaml")
    done = percept("recipe", "run", recipe, "--store", str(tmp_path / "store"))
    assert "Traceback" not in done.stderr
    return done.stderr, Store(tmp_path / "store")


def reasons(store: Store) -> dict[str, str]:
    """Image → reason of its first assessor's failure."""
    header = next(store.ledger.records("assessment")).header
    return {header["images"][int(k.split(",")[1])]["id"]: v for k, v in header["reasons"].items()}


def test_every_mistake_of_a_recipe_at_once(tmp_path: Path) -> None:
    text = SMALL.replace("batch: 2", "bacth: 2").replace("use: edsr", "use: edrs").replace("lr: 1e-3", "lr: fast")
    done = percept("recipe", "check", "small.yaml", cwd=Path(write(tmp_path, text)).parent)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "small.yaml:7:18: generator.use: unknown generator 'edrs', did you mean edsr?",
        "small.yaml:10:3: optimize.bacth: unknown key, did you mean batch?",
        "small.yaml:14:30: optimize.optimizer.lr: expects a number, not 'fast'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("scale: 2", "scale: 5", "generator: 'edsr' offers scales 2, 3, 4, data.degrade makes images 5× smaller"),
        ("patch: 48", "patch: 49", "optimize.patch: 49 is no multiple of the degradation's scale 2"),
        ("  test: {use: photos, split: test}\n", "", "assess: needs data.test: the images to be assessed"),
        ("  train: {use: photos, split: train}\n", "", "optimize: needs data.train: the images to train on"),
        ("patch: 48", "patch: 10", "'patch' needs"),
        ("use: edsr, channels: 8, blocks: 1, skip: bicubic", "use: bicubic", "'bicubic' has nothing to train"),
        ("channels: 8, blocks: 1", "chanels: 8", "generator.chanels: unknown parameter, did you mean channels?"),
        ("assess:", "fit: {assessor: niqe, data: photos, steps: 3}\nassess:", "'fit' is not part of this version"),
    ],
)
def test_what_does_not_fit_together(old: str, new: str, line: str, tmp_path: Path) -> None:
    done = percept("recipe", "check", write(tmp_path, SMALL.replace(old, new)))
    assert done.returncode == 2
    assert line in done.stderr
    assert all(found.startswith(("/", "small.yaml:")) or "small.yaml:" in found for found in done.stderr.splitlines())


def test_damaged_and_odd_photographs_fail_alone(photos: Path, tmp_path: Path) -> None:
    data = (photos / "good.png").read_bytes()
    (photos / "cut.png").write_bytes(data[: len(data) // 2])
    (photos / "text.png").write_text("not an image")
    alpha = np.dstack([photograph(), np.full((64, 64), 128, np.uint8)])
    Image.fromarray(alpha).save(photos / "alpha.png")
    Image.fromarray(photograph()[..., 0]).save(photos / "grey.png")
    grey16 = photograph()[..., 0].astype(np.uint16) * 257
    Image.fromarray(grey16).save(photos / "grey16.png")
    stderr, store = assessed(photos, tmp_path)
    found = reasons(store)
    assert set(found) == {"photos/cut", "photos/text", "photos/alpha"}
    assert "damaged image" in found["photos/cut"]
    assert "not an image that can be read" in found["photos/text"]
    assert "transparent" in found["photos/alpha"]
    cube = open_cube(str(tmp_path / "store"))
    assert int((cube.status == 1).sum()) == 3
    grey, grey16_score = (float(cube.score.sel(image=f"photos/{name}").squeeze()) for name in ("grey", "grey16"))
    assert grey == pytest.approx(grey16_score, abs=1e-3)
    assert "no score: folders: photos/cut: " in stderr


def test_one_pixel_is_not_applicable_where_it_is_too_small(photos: Path, tmp_path: Path) -> None:
    Image.fromarray(photograph(2)).save(photos / "tiny.png")
    _, store = assessed(photos, tmp_path, "psnr, gmsd")
    cube = open_cube(str(tmp_path / "store"))
    statuses = {a: int(cube.status.sel(assessor=a, image="photos/tiny").squeeze()) for a in ("psnr", "gmsd")}
    assert statuses == {"psnr": 1, "gmsd": 3}
    assert "needs at least" in next(iter(reasons(store).values()))


def test_image_smaller_than_the_patch_is_named(photos: Path, tmp_path: Path) -> None:
    text = SMALL.replace("train: {use: photos, split: train}", f"train: {{use: folder, path: {photos}}}")
    text = text.replace("patch: 48", "patch: 96").replace("[gmsd, ssim]", "[gmsd]")
    done = percept("recipe", "run", write(tmp_path, text), "--store", str(tmp_path / "store"))
    assert done.returncode == 1
    assert "good: 64×64 pixels, smaller than optimize.patch 96; lower it or leave the image out" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_folder_fails_its_cells_and_the_others_go_on(photos: Path, tmp_path: Path) -> None:
    text = (
        BASELINE.format(path='"${matrix.where}"', assessors="psnr")
        + f"matrix: {{where: [{photos}, {tmp_path}/gone]}}\n"
    )
    done = percept("recipe", "run", write(tmp_path, text), "--store", str(tmp_path / "store"))
    assert done.returncode == 1
    assert "1 ran, 1 failed" in done.stderr
    assert f"{tmp_path}/gone" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_record_cut_in_half_is_named_and_costs_only_itself(photos: Path, tmp_path: Path) -> None:
    assessed(photos, tmp_path)
    loose = [p for p in (tmp_path / "store" / "ledger").rglob("*") if p.is_file() and p.stat().st_size > 200]
    victim = max(loose, key=lambda p: p.stat().st_size)
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    again, _ = assessed(photos, tmp_path)
    assert victim.name[:12] in again
    assert "1 ran" in again
    assert int((open_cube(str(tmp_path / "store")).status == 1).sum()) == 1


def test_a_full_disk_loses_nothing_that_was_there(photos: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: writes fail half-way, with an error of the same kind."""
    _, store = assessed(photos, tmp_path)
    before = {r.sha for r in store.ledger.records()}
    Image.fromarray(photograph(200)).save(photos / "large.png")
    recipe = write(tmp_path, BASELINE.format(path=photos, assessors="psnr"), "folders.yaml")
    code = "from percept.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "recipe", "run", recipe, "--store", str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "large" in done.stderr or "write" in done.stderr
    assert before <= {r.sha for r in Store(tmp_path / "store").ledger.records()}
    assert float(open_cube(str(tmp_path / "store")).score.sel(image="photos/good").squeeze()) > 20
    assert not list((tmp_path / "store").rglob("*.tmp"))


def plugin(folder: Path, name: str, source: str) -> dict[str, str]:
    """A distribution as an installer leaves it: a module and its metadata. Returns the environment that finds it."""
    (folder / f"{name}.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[percept]\n{name} = {name}\n")
    import os

    return {**os.environ, "PYTHONPATH": str(folder)}


NAN = """
from percept.hookspecs import hookimpl
from percept.specs import AssessorSpec

@hookimpl
def percept_assessors():
    facts = dict(summary="broken on purpose", direction="higher", range=(0, 1), reference="none")
    return [AssessorSpec(name=n, target=f"nanmetric:{n.title()}", **facts) for n in ("nan", "raising", "unbuilt")]

class Nan:
    def prepare(self, reference): return reference
    def score(self, images, state): return images.mean((1, 2, 3)) * float("nan")

class Raising(Nan):
    def score(self, images, state): raise RuntimeError("no\\n idea")

class Unbuilt(Nan):
    def __init__(self): raise ValueError("weights are missing")
"""


def test_a_metric_that_returns_nan_or_raises_fails_alone(photos: Path, tmp_path: Path) -> None:
    environment = plugin(tmp_path, "nanmetric", NAN)
    recipe = write(tmp_path, BASELINE.format(path=photos, assessors="nan, raising, unbuilt, psnr"), "folders.yaml")
    code = "from percept.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "recipe", "run", recipe, "--store", str(tmp_path / "store")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert "Traceback" not in done.stderr
    cube = open_cube(str(tmp_path / "store"))
    statuses = {str(a): int(cube.status.sel(assessor=a).squeeze()) for a in cube.assessor.values}
    assert statuses == {"nan": 2, "raising": 2, "unbuilt": 2, "psnr": 1}
    header = next(Store(tmp_path / "store").ledger.records("assessment")).header
    assert sorted(header["reasons"].values()) == [
        "RuntimeError: no idea",
        "assessor 'unbuilt' cannot be built: weights are missing",
        "returned nan",
    ]


def test_a_plugin_that_raises_at_import_is_listed_and_the_others_work(tmp_path: Path) -> None:
    environment = plugin(tmp_path, "brokenplugin", "raise RuntimeError('no luck')\n")
    code = "from percept.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "plugins", "list", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0
    listed = {p["distribution"]: p for p in json.loads(done.stdout)}
    assert listed["brokenplugin"]["reason"] == "RuntimeError: no luck"
    assert listed["percept-photos"]["status"] == "ok"
    assert "brokenplugin (brokenplugin) failed: RuntimeError: no luck" in done.stderr


def test_assess_names_what_it_cannot_score(photos: Path, tmp_path: Path) -> None:
    references = tmp_path / "references"
    shutil.copytree(photos, references)
    Image.fromarray(photograph(32)).save(photos / "other.png")
    Image.fromarray(photograph()).save(references / "other.png")
    (photos / "lonely.png").write_bytes((photos / "good.png").read_bytes())
    done = percept("assess", str(photos), "--reference", str(references), "--with", "psnr", "--json")
    assert done.returncode == 1
    rows = {Path(r["image"]).stem: r for r in json.loads(done.stdout)["images"]}
    assert rows["good"]["scores"]["psnr"] > 60
    assert "32×32" in rows["other"]["problems"]["image"]
    assert "no image called lonely" in rows["lonely"]["problems"]["image"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["recipe", "run", "nope.yaml"], "nope.yaml"),
        (["assess", "gone", "--with", "niqe"], "percept: gone: no such file or folder"),
        (
            ["assess", ".", "--with", "nique"],
            "percept: unknown assessor 'nique', did you mean niqe or piqe or il-niqe?",
        ),
        (["cube", "query", "--store", "gone"], "gone"),
        (["plugins", "info", "ssmi"], "percept: unknown component 'ssmi', did you mean ssim"),
        (["recpie"], "percept: unknown command 'recpie', did you mean recipe?"),
        (["recipe", "run"], "percept: Missing argument 'RECIPE'."),
    ],
)
def test_one_line_and_exit_code_2(arguments: list[str], line: str, tmp_path: Path) -> None:
    done = percept(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert line in done.stderr
