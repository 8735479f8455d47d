"""Write docs/reference/published-values.md: values of the authors' MATLAB code, as others printed them, and percept's.

    python docs/published.py FOLDER

FOLDER holds the images, which are not percept's to ship: I01.BMP and i01_01_5.bmp of TID2013, goldhill.gif and
goldhill_jpeg.gif as the authors of SSIM distribute them. The values stand in the tests of the library piq, which keeps
these four files beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import percept
import torch
from percept.images import read_image
from torch import Tensor

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "published-values.md"
PAIRS = {
    "I01": ("i01_01_5.bmp", "I01.BMP"),
    "I01, exchanged": ("I01.BMP", "i01_01_5.bmp"),
    "goldhill": ("goldhill_jpeg.gif", "goldhill.gif"),
}
PUBLISHED: tuple[tuple[str, dict[str, Any], str, float], ...] = (
    ("ssim", {"downsample": True}, "goldhill", 0.8202),
    ("iw-ssim", {}, "goldhill", 0.886297251092821),
    ("iw-ssim", {"rounded": False}, "I01, exchanged", 0.946804801436296),
    ("fsim", {}, "goldhill", 0.89691),
    ("fsim", {}, "I01", 0.93674),
    ("fsimc", {}, "I01", 0.92587),
    ("vsi", {}, "I01", 0.96405),
    ("gmsd", {}, "goldhill", 0.138012587141798),
    ("gmsd", {}, "I01", 0.094124655829098),
    ("vif-pixel", {}, "goldhill", 0.2665),
    ("vif-pixel", {"rounded": False}, "I01", 0.3147),
    ("haarpsi", {}, "I01", 0.71706527),
    ("mdsi", {}, "goldhill", 0.395910876130775),
    ("mdsi", {}, "I01", 0.338972600511665),
    ("sr-sim", {}, "goldhill", 0.94652679),
    ("sr-sim", {}, "I01", 0.9659730),
)

HEAD = """<!-- written by docs/published.py -->
# Published values of MATLAB code

What the authors' MATLAB code gives for two pairs that many implementations are tested with, as printed in the tests of
piq: TID2013's first photograph with noise, and goldhill with JPEG artefacts. percept computes in float32; the last
column is its value less the printed one. Five other pairs are among [the official values](official-values.md).

- `rounded=false`: the printed values of these are of a luminance that is not rounded to 256 levels.
- `iw-ssim`, I01: printed with the noisy image as the reference.
- `ssim`: of the authors' later `ssim.m`, which downsamples; without, as `ssim` is by default, no value is printed.

"""


def main(folder: Path) -> None:
    missing = [name for pair in PAIRS.values() for name in pair if not (folder / name).is_file()]
    if missing:
        sys.exit(f"docs/published.py: {folder} has no {missing[0]}; nothing was written")
    torch.set_num_threads(1)
    pairs = {name: tuple(read_image(folder / file)[None] for file in files) for name, files in PAIRS.items()}
    PAGE.write_text(HEAD + "\n".join(_table(pairs)) + "\n", "utf-8")
    print(PAGE.relative_to(ROOT))


def _table(pairs: dict[str, tuple[Tensor, ...]]) -> Iterator[str]:
    yield "| metric | pair | printed | percept | difference |"
    yield "|---|---|---|---|---|"
    for metric, parameters, pair, value in PUBLISHED:
        distorted, reference = pairs[pair]
        assessor = percept.assessor(metric, **parameters)
        found = assessor.score(distorted, assessor.prepare(reference)).item()
        title = metric + "".join(f", {key}={str(given).lower()}" for key, given in parameters.items())
        yield f"| `{title}` | {pair} | {value:g} | {found:.6f} | {found - value:+.1e} |"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/published.py FOLDER")
    main(Path(sys.argv[1]))
