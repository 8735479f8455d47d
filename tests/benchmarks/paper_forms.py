"""Every cell of every `-paper` recipe for a few steps on small data: that each network, loss and key of them works.

    python -m tests.benchmarks.paper_forms [--steps 2] [--batch 2] [--jobs 2] [NAME]…

Sizes of networks and patches are the recipes' own; steps, batch and images are not, discriminators begin at step 0, and
whatever wants trained weights that are not at hand (timm's, PERCEPT_INIT) gets random ones. Leaves with 1 if a cell fails
or a score is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import percept
import torch
from percept.images import to_uint8
from PIL import Image

from tests.conftest import ROOT

SIDE = 320
TRUTHS = ("original", "01", "02", "03")


def main() -> int:
    options = _options()
    names = options.names or sorted(path.stem for path in (ROOT / "recipes").glob("*-paper.yaml"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= _data(Path(folder))
        for name in names:
            recipe = Path(folder, f"{name}.yaml")
            text = (ROOT / "recipes" / f"{name}.yaml").read_text("utf-8")
            recipe.write_text(text.replace("weights: timm", "weights: none"), "utf-8")
            bad += _try(recipe, Path(folder, name), options)
    return 1 if bad else 0


def _try(recipe: Path, store: Path, options: argparse.Namespace) -> int:
    changes = [f"optimize.steps={options.steps}", f"optimize.batch={options.batch}", "optimize.schedule.warm-up=0"]
    if "starts-at" in recipe.read_text("utf-8"):
        changes.append("optimize.adversarial.starts-at=0")
    started = time.monotonic()
    outcomes = percept.run(str(recipe), store=str(store), jobs=options.jobs, overrides=tuple(changes))
    seconds = time.monotonic() - started
    bad = [outcome for outcome in outcomes if outcome.status not in ("ok", "done") or outcome.problems]
    print(f"{recipe.stem}: {len(outcomes) - len(bad)} of {len(outcomes)} cells, {seconds:.0f} s", flush=True)
    for outcome in bad:
        print(f"  {outcome.task.label}: {outcome.error or '; '.join(outcome.problems)}", flush=True)
    return len(bad)


def _data(folder: Path) -> dict[str, str]:
    """Photographs as files, in the places that the recipes ask the environment for."""
    train, test = folder / "train", folder / "test"
    _save("train", 3, [train])
    _save("test", 1, [test])
    hggt = folder / "HGGT"
    _save("train", 2, [hggt / "images" / "0-20193" / truth for truth in TRUTHS])
    labels = hggt / "labels" / "0-20193"
    labels.parent.mkdir()
    words = dict(zip(TRUTHS[1:], ("positive", "similar", "negative"), strict=True))
    rows = [f"{n},{truth},{word}" for n, (truth, word) in product(range(2), words.items())]
    labels.write_text("\n".join(["image,target,label", *rows]) + "\n")
    weights = folder / "rrdb.pth"
    network: Any = percept.generator("rrdb", scale=4)
    torch.save({"params_ema": network.state_dict()}, weights)
    return {
        "PERCEPT_TRAIN": str(train),
        "PERCEPT_TEST": str(test),
        "PERCEPT_HGGT": str(hggt),
        "PERCEPT_INIT": str(weights),
    }


def _save(split: str, count: int, folders: Sequence[Path]) -> None:
    photos = percept.dataset("photos", split=split)
    for place in folders:
        place.mkdir(parents=True)
    for number in range(count):
        image = Image.fromarray(to_uint8(photos[number].target[:, :SIDE, :SIDE]))
        for place in folders:
            image.save(place / f"{number}.png")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes; all if none is named")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
