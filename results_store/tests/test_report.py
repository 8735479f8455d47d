"""The report as a whole: a store of real photographs goes in, one page comes out."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import percept_store
import pytest
from percept_store.report import write_report
from PIL import Image, ImageFilter

data = pytest.importorskip("skimage.data", reason="the photographs are scikit-image's")
pytest.importorskip("jinja2", reason="comes with the extra percept-store[report]")
pytest.importorskip("matplotlib", reason="comes with the extra percept-store[report]")

NASTY = "<script>alert(1)</script>"
ASSESSORS = [
    ("psnr", "higher", "full", 0.0, None),
    ("mae", "lower", "full", 0.0, 1.0),
    ("niqe", "lower", "none", 0.0, None),
]


def describe(name: str, direction: str, reference: str, low: float, high: float | None) -> dict[str, Any]:
    return {
        "key": f"{name}@0.1.0+00", "label": name, "name": name, "version": "0.1.0", "weights": "", "parameters": {},
        "direction": direction, "low": low, "high": high, "reference": reference, "colour": "rgb", "variant": "8 bit",
    }  # fmt: skip


def photographs() -> dict[str, np.ndarray]:
    return {"photos/astronaut": data.astronaut()[20:276, 120:376], "photos/chelsea": data.chelsea()[:256, 60:316]}


def restore(low: np.ndarray, seed: int, discriminator: str, loss: str) -> np.ndarray:
    """A stand-in for a network: bicubic, sharpened according to the loss, with the texture of an adversary."""
    image = Image.fromarray(low).resize((low.shape[1] * 2, low.shape[0] * 2), Image.Resampling.BICUBIC)
    if loss:
        image = image.filter(ImageFilter.UnsharpMask(1.2, 90 if "gmsd" in loss else 60, 0))
    noise = {"none": 0.5, "patch": 7.0, "unet": 4.0}.get(discriminator, 0.0)
    grain = np.random.default_rng(seed).normal(0, 1, np.asarray(image).shape[:2])[..., None]
    return np.clip(np.asarray(image) + noise * grain, 0, 255).round().astype(np.uint8)


def measure(output: np.ndarray, target: np.ndarray) -> list[float]:
    error = output.astype(float) / 255 - target.astype(float) / 255
    edges = np.abs(np.diff(output.astype(float).mean(axis=2), axis=0)).mean()
    return [float(-10 * np.log10(np.mean(error**2))), float(np.abs(error).mean()), float(12 - edges)]


def curves(seed: int, discriminator: str, perceptual: str) -> dict[str, np.ndarray]:
    steps, rng = np.arange(1, 301), np.random.default_rng(seed)
    series = {"l1": 0.4 * steps**-0.7, perceptual: 0.3 * steps**-0.3}
    if discriminator != "none":
        series |= {"generator-adversarial": 0.7 + steps / 400, "discriminator": 0.7 - steps / 600}
    arrays: dict[str, np.ndarray] = {}
    for name, values in series.items():
        arrays[f"curve/{name}/step"] = steps
        arrays[f"curve/{name}/value"] = values * rng.lognormal(0, 0.08, steps.size)
    return arrays


def cells() -> Iterator[dict[str, Any]]:
    yield {"generator": "bicubic", "discriminator": "", "fidelity_loss": "", "seed": 0, "perceptual": ""}
    for perceptual, discriminator, seed in product(("ms-ssim", "gmsd"), ("none", "patch"), (0, 1)):
        loss = f"l1+0.2*{perceptual}"
        objective = {"discriminator": discriminator, "fidelity_loss": loss, "perceptual": perceptual}
        yield {"generator": "edsr", "seed": seed, **objective}


def add_run(
    store: percept_store.Store, factors: dict[str, Any], *, minute: int, recipe: str = "quickstart", **header: Any
) -> str:
    key = hashlib.sha256(repr((recipe, minute, factors)).encode()).hexdigest()
    trained = factors["fidelity_loss"] and header.get("status", "ok") == "ok"
    arrays = curves(factors["seed"], factors["discriminator"], factors["perceptual"]) if trained else {}
    provenance = {"percept": "0.1.0", "torch": "2.13.0", "threads": 1, "machine": {"processor": "x86_64", "cores": 2}}
    created = f"2026-03-01T10:{minute:02d}:00+00:00"
    header = {
        "status": "ok", "reason": "", "created": created, "seconds": 19.4, "recipe": recipe, "factors": factors,
        "cell": {}, "weights": {}, "provenance": provenance, **header,
    }  # fmt: skip
    store.ledger.put(percept_store.Record(kind="run", key=key, header=header, arrays=arrays))
    return key


def assess(store: percept_store.Store, key: str, factors: dict[str, Any], minute: int, broken: str = "") -> None:
    images, scores = [], []
    for name, target in photographs().items():
        low = np.asarray(Image.fromarray(target).resize((128, 128), Image.Resampling.BOX))
        output = restore(low, factors["seed"], factors["discriminator"], factors["fidelity_loss"])
        pictures = {"reference": target, "input": low, "output": output}
        files = {part: store.artefacts.put_image(np.ascontiguousarray(picture)) for part, picture in pictures.items()}
        sha = hashlib.sha256(target.tobytes()).hexdigest()
        images.append(
            {"id": name, "dataset": "photos", "sha256": sha, "height": 256, "width": 256, "output_float": "", **files}
        )
        scores.append(measure(output, target))
    score = np.array(scores).T
    status = np.ones(score.shape, np.uint8)
    if broken:
        status[2, 1], score[2, 1] = 2, np.nan
    header = {
        "created": f"2026-03-01T10:{minute:02d}:30+00:00", "seconds": 1.0, "images": images, "provenance": {},
        "assessors": [describe(*a) for a in ASSESSORS], "reasons": {"2,1": broken} if broken else {},
    }  # fmt: skip
    store.ledger.put(
        percept_store.Record(kind="assessment", key=key, header=header, arrays={"score": score, "status": status})
    )


def fill(root: Path) -> percept_store.Store:
    store = percept_store.Store(str(root))
    for minute, factors in enumerate(cells()):
        key = add_run(store, factors, minute=minute)
        assess(store, key, factors, minute, broken=f"niqe: singular covariance {NASTY}" if minute == 4 else "")
    lost = {
        "generator": "edsr",
        "discriminator": "unet",
        "fidelity_loss": "l1+0.2*gmsd",
        "seed": 0,
        "perceptual": "gmsd",
    }
    add_run(store, lost, minute=30, status="failed", reason="loss is not finite at step 212; lower the learning rate")
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> percept_store.Store:
    return fill(tmp_path_factory.mktemp("report") / "store")


@pytest.fixture(scope="module")
def page(store: percept_store.Store, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    assert write_report(store, path) == path
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Every start tag with its attributes, and whether all that was opened was closed in order."""

    VOID = {"meta", "link", "img", "br", "line", "path", "use", "rect"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.stack.pop() == tag


def text_of(page: str) -> str:
    page = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


def test_page_is_well_formed_and_accessible(page: str) -> None:
    outline = Outline(page)
    assert outline.stack == []
    assert all(attributes.get("alt") for tag, attributes in outline.tags if tag == "img")
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in outline.tags if tag == "th")
    assert [tag for tag, _ in outline.tags if tag == "h1"] == ["h1"]
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_page_loads_nothing(page: str) -> None:
    for tag, attributes in Outline(page).tags:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("data:", "#")), (tag, value[:80])
    assert not re.search(r"https?://|@import|url\((?!#)", re.sub(r"base64,[\w+/=]+", "", page))
    assert "default-src 'none'" in page


def test_only_script_is_the_one_that_the_policy_names(page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert f"script-src 'sha256-{digest}'" in page


def test_quickstart_sized_store_stays_below_five_megabytes(page: str) -> None:
    assert 100_000 < len(page.encode()) < 5_000_000


def test_header_counts_and_names_what_varies(page: str) -> None:
    text = text_of(page)
    assert "Runs 9 ok, 1 failed" in text
    assert "Test images 2" in text
    assert "2026-03-01" in text
    assert "fidelity_loss (l1+0.2*gmsd, l1+0.2*ms-ssim)" in text
    assert "perceptual always changes together with fidelity_loss" in text


def test_seeds_are_averaged(page: str, store: percept_store.Store) -> None:
    cube = percept_store.open_cube(store.root).load()
    chosen = (cube["discriminator"] == "patch") & (cube["fidelity_loss"] == "l1+0.2*gmsd")
    means = cube["score"].sel(assessor="psnr").where(chosen, drop=True).mean("image").values
    assert len(means) == 2
    row = next(row for row in re.findall(r"<tr>.*?</tr>", page, flags=re.DOTALL) if ">patch<" in row and "gmsd" in row)
    value = float(re.findall(r'data-v="([^"]*)"', row)[0])
    assert value == pytest.approx(means.mean(), rel=1e-12)
    assert f"±&nbsp;{means.std(ddof=1):.2f}" in row


def test_best_follows_the_direction(page: str) -> None:
    body = re.search(r"<tbody>(.*?)</tbody>", page, flags=re.DOTALL)
    assert body
    rows = re.findall(r"<tr>.*?</tr>", body[1], flags=re.DOTALL)
    for column, (name, direction, *_) in enumerate(ASSESSORS[:2]):
        cells = [re.findall(r'<td class="(score[^"]*)" data-v="([^"]*)"', row) for row in rows]
        values = {float(found[column][1]): "best" in found[column][0] for found in cells if len(found) > column}
        best = (max if direction == "higher" else min)(values)
        assert [value for value, bold in values.items() if bold] == [best], name


def test_absent_scores_are_words_with_a_reason_never_blank(page: str) -> None:
    body = re.search(r"<tbody>(.*?)</tbody>", page, flags=re.DOTALL)
    assert body
    assert "nan" not in body[1].lower()
    assert not re.search(r"<td[^>]*>\s*</td>", body[1])
    failed = re.findall(r'<td class="none bad" title="([^"]*)">failed</td>', body[1])
    assert len(failed) == 3
    assert all("loss is not finite at step 212" in title for title in failed)
    assert body[1].count("†") == 1


def test_every_part_is_drawn(page: str) -> None:
    text = text_of(page)
    for series in ("l1", "ms-ssim", "gmsd", "generator-adversarial", "discriminator"):
        assert f'aria-label="Learning curves of {series}' in page
    assert "(log scale)" in text
    assert "niqe against psnr" in text
    assert "discriminator: patch" in text
    assert "discriminator: unet" not in text
    assert "psnr  (higher is better →)" in html.unescape(page)
    assert "photos/astronaut" in text
    assert "percept recipe run quickstart" in text
    assert "torch 2.13.0" in text


def test_crops_have_reference_input_and_each_configuration(page: str) -> None:
    tiles = re.findall(r'<figure class="(reference|input|output)">', page)
    assert tiles.count("reference") == tiles.count("input") == 2
    assert tiles.count("output") == 2 * 5
    assert page.count('aria-pressed="false"') == 10


def test_what_records_say_is_shown_not_run(tmp_path: Path) -> None:
    store = percept_store.Store(str(tmp_path / "store"))
    nasty = f"{NASTY}\"'><img src=x onerror=alert(2)> $\\frac{{1}}$ {{{{ 7*7 }}}}"
    for seed, value in enumerate((nasty, "plain")):
        factors = {
            "generator": nasty,
            "discriminator": "none",
            "fidelity_loss": "l1",
            "perceptual": nasty,
            "seed": seed,
            NASTY: value,
        }
        key = add_run(store, factors, minute=seed, recipe=nasty, reason=nasty)
        assess(store, key, factors, minute=seed, broken=nasty)
    page = write_report(store, tmp_path / "r.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert outline.stack == []
    assert [tag for tag, _ in outline.tags].count("script") == 1
    assert not any("onerror" in attributes for _, attributes in outline.tags)
    assert text_of(page).count(nasty) > 3
    assert "{{ 7*7 }}" in page


def test_equal_stores_give_equal_pages(page: str, tmp_path: Path) -> None:
    again = write_report(fill(tmp_path / "store"), tmp_path / "again.html")
    assert again.read_text(encoding="utf-8") == page


def test_store_may_be_given_by_its_place(store: percept_store.Store, page: str, tmp_path: Path) -> None:
    assert write_report(str(store.root), tmp_path / "r.html").read_text(encoding="utf-8") == page


def test_unassessed_and_untrained_store_says_what_it_lacks(tmp_path: Path) -> None:
    store = percept_store.Store(str(tmp_path / "store"))
    add_run(
        store, {"generator": "bicubic", "discriminator": "", "fidelity_loss": "", "seed": 0, "perceptual": ""}, minute=0
    )
    text = text_of(write_report(store, tmp_path / "r.html").read_text(encoding="utf-8"))
    for sentence in (
        "No run of this store has been assessed yet.",
        "No run recorded a learning curve.",
        "the store does not have both",
        "No run kept its outputs as pictures.",
        "No run and no score failed.",
    ):
        assert sentence in text


def test_empty_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(percept_store.StoreError) as caught:
        write_report(tmp_path / "nothing", tmp_path / "r.html")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r.html").exists()


def test_unwritable_place_is_one_line(store: percept_store.Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(percept_store.StoreError, match="cannot write the report"):
        write_report(store, tmp_path / "file" / "r.html")


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_missing_extra_is_named(
    missing: str, store: percept_store.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(percept_store.StoreError, match=rf"{missing} is not installed.*percept-store\[report\]"):
        write_report(store, tmp_path / "r.html")


def test_import_is_light() -> None:
    heavy = ("jinja2", "matplotlib", "PIL", "torch")
    code = f"import sys, percept_store.report; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_lost_pictures_are_said_to_be_lost(tmp_path: Path) -> None:
    store = percept_store.Store(str(tmp_path / "store"))
    factors = list(cells())[:2]
    keys = [add_run(store, cell, minute=minute) for minute, cell in enumerate(factors)]
    for minute, (key, cell) in enumerate(zip(keys, factors, strict=True)):
        assess(store, key, cell, minute)
    store.refresh()
    cube = percept_store.open_cube(store)
    store.artefacts.path(str(cube["output"].values[0, 0])).unlink()
    store.artefacts.path(str(cube["output"].values[1, 1])).write_bytes(b"no PNG")
    page = write_report(store, tmp_path / "r.html").read_text(encoding="utf-8")
    assert text_of(page).count("the output that was kept cannot be read") == 2
    assert page.count('aria-pressed="false"') == 2


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a store of two recipes, each with a factor that the other lacks, assessed on the same images."""
    root = tmp_path_factory.mktemp("mixed")
    store = percept_store.Store(str(root / "store"))
    studies: list[tuple[str, str, dict[str, Any]]] = [
        ("sweep", "patch", {"weight": 0.1}),
        ("sweep", "patch", {"weight": 0.5}),
        ("swap", "none", {"head": "a"}),
        ("swap", "patch", {"head": "b"}),
    ]
    for minute, (recipe, discriminator, own) in enumerate(studies):
        objective = {"discriminator": discriminator, "fidelity_loss": "l1", "perceptual": ""}
        factors = {"generator": "edsr", "seed": minute % 2, **objective, **own}
        assess(store, add_run(store, factors, minute=minute, recipe=recipe), factors, minute)
    return write_report(store, root / "r.html").read_text(encoding="utf-8")


def test_each_recipe_has_a_table_of_its_own_factors(mixed: str) -> None:
    heads = re.findall(r"<thead>.*?</thead>", mixed, flags=re.DOTALL)[:2]
    factors = [re.findall(r'class="factor"><button type="button">([^<]*)<', head) for head in heads]
    assert factors == [["weight"], ["discriminator", "head"]]
    assert re.findall(r"<h3>(.*?)</h3>", mixed)[:2] == ["sweep", "swap"]
    text = text_of(mixed)
    assert "The same everywhere: generator edsr, fidelity_loss l1." in text
    assert len(re.findall(r"all: discriminator patch", text)) == 1
    assert "the best of all tables of the same images is underlined" in text
    assert len(re.findall(r'class="score best leads"', mixed)) == len(ASSESSORS)
    assert "assessed on different images" not in text


def test_tables_of_the_same_images_are_one_in_the_figures(mixed: str) -> None:
    assert len(set(re.findall(r"<title>[^<]*, seed \d: psnr [^<]*, niqe ", mixed))) == 4


def test_table_scrolls_in_its_box_and_keeps_its_first_column(page: str, mixed: str) -> None:
    for drawn in (page, mixed):
        boxes = re.findall(r'<div class="scroll"[^>]*>\s*<table', drawn)
        assert len(boxes) == drawn.count("<table")
        assert "<caption" not in drawn, "it would scroll out of sight with its table"
    style = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)[0]
    always = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", style)
    assert re.search(r"\.scroll \{[^}]*overflow-x: auto", always)
    assert re.search(r"tr > :first-child[^{}]*\{ position: sticky; left: 0; background", always)


def test_every_table_is_named_by_the_line_above_it(mixed: str) -> None:
    tags = Outline(mixed).tags
    names = [
        attributes["aria-labelledby"] for tag, attributes in tags if tag == "table" and "aria-labelledby" in attributes
    ]
    assert names == ["scores-1", "scores-2"]
    assert {attributes.get("id") for tag, attributes in tags if tag == "p"} >= set(names)
