"""Write docs/reference/official-values.md: the authors' values beside percept's, pyiqa's and piq's.

    python docs/official.py

Needs the test data (PERCEPT_TEST_DATA, else ../shared/data beside the checkout) and the extra `bench`; where either is
absent it refuses, so that no column is lost. The same installation writes the same page.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for tests.benchmarks

from tests.benchmarks.peers.catalogue import CATALOGUE  # noqa: E402  # as above
from tests.benchmarks.peers.libraries import AbsentError, Call, data, library  # noqa: E402
from tests.benchmarks.peers.subject import PERCEPT, installed, subject  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "official-values.md"
LIBRARIES = (PERCEPT, "pyiqa", "piq")
Values = Mapping[str, tuple[float, ...]]  # who → a value for each pair; the official ones first, where there are any

SAME = ("ssim", "vsi", "gmsd", "nlpd", "vif", "mad", "psnr", "niqe", "piqe", "brisque", "entropy")
OFFICIAL = {  # percept's name → the official row's
    **{name: name for name in SAME},
    "ms-ssim": "ms_ssim",
    "cw-ssim": "cw_ssim",
    "fsimc": "fsim",
    "il-niqe": "ilniqe",
}

HEAD = """<!-- written by docs/official.py -->
# Official values

Values that the authors' own code gives for five pairs of TID2013, 512×384, and those of percept, pyiqa and piq at the
same variant. The official ones were collected by IQA-PyTorch, mostly with four digits: a deviation of half of the last
one is none. `percept plugins info NAME` says what the variant of each is; the same calls' time and memory are
[beside other libraries'](../explanation/beside-other-libraries.md). The last column is the greatest deviation from the
first row of a metric.

- `mad`: the official row is pyiqa's own, so that its agreement says nothing. percept follows the authors' MATLAB code.
- `vsi`: the official row is a port's; MATLAB's values differ from it by about .01.
- `gmsd`: values below .001, as of I04 and I06, are mostly rounding.
- `ms-ssim`: the official values are of the weighted sum that the authors' code offers, and so are the others here.
- `fsimc`: the official row `fsim` is of the variant with colour.
- `niqe` and `il-niqe` use the authors' parameters, read from the test data, in percept and pyiqa alike.
- `brisque`: the official row is of the authors' model with 774 support vectors, percept's of the one with 770 in the
  test data; scores of two models differ by tens.
- MATLAB's built-in NIQE and BRISQUE are other models, and are not listed.
- – stands for what a library does not have, or has only with weights that must be downloaded.
"""

PRECISION = """## Single precision

What float32 costs on the same pairs: the greatest difference of a score from that of the same images in float64,
in **bold** where it exceeds 1e-4. percept computes in the precision of the images that it is given, which is float32
unless one converts them.

"""
NOTICEABLE = 1e-4


def main() -> None:
    folder = data() / "oracles" / "iqa-pytorch-calibration"
    if not folder.is_dir():
        sys.exit("docs/official.py: the test data are absent, set PERCEPT_TEST_DATA; nothing was written")
    for name in LIBRARIES:
        try:
            library(name)
        except AbsentError as error:
            sys.exit(
                f"docs/official.py: {error}; its values would be lost, install the extra bench; nothing was written"
            )
    torch.set_num_threads(1)
    pairs, official = _pairs(folder), _official(folder)
    found = {}
    for metric in (name for name in CATALOGUE if name in installed()):
        print(metric, file=sys.stderr)
        found[metric] = _values(metric, pairs, official)
    with_official = {metric: values for metric, values in found.items() if metric in OFFICIAL}
    without = {metric: values for metric, values in found.items() if metric not in OFFICIAL}
    parts = [HEAD, "## With official values\n\n" + "\n".join(_table(pairs, with_official)) + "\n"]
    parts.append("## Without\n\n" + "\n".join(_table(pairs, without)) + "\n")
    parts.append(PRECISION + "\n".join(_precision(pairs, found)) + "\n")
    PAGE.write_text("\n".join(parts), "utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(with_official)} metrics with official values, {len(without)} without")


def _pairs(folder: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Name → (distorted, reference), each (1, 3, H, W)."""
    from percept.images import read_image

    names = sorted(path.name for path in (folder / "dist_dir").iterdir())
    return {n: (read_image(folder / "dist_dir" / n)[None], read_image(folder / "ref_dir" / n)[None]) for n in names}


def _official(folder: Path) -> dict[str, tuple[float, ...]]:
    with (folder / "results_official.csv").open(encoding="utf-8", newline="") as file:
        (_, *names), *rows = csv.reader(file)
    order = sorted(range(len(names)), key=names.__getitem__)
    return {method: tuple(float(values[i]) for i in order) for method, *values in rows}


def _values(metric: str, pairs: Mapping[str, tuple[Tensor, Tensor]], official: Values) -> dict[str, tuple[float, ...]]:
    found = {"official": official[OFFICIAL[metric]]} if metric in OFFICIAL else {}
    for name in LIBRARIES:
        try:
            found[name] = _scores(subject(metric, name).score, pairs)
        except AbsentError:
            continue
        except OSError:  # piq asks for its weights when it is called
            if name == PERCEPT:
                raise
    return found


def _scores(score: Call, pairs: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[float, ...]:
    with torch.no_grad():
        return tuple(float(score(*pair)) for pair in pairs.values())


def _precision(pairs: Mapping[str, tuple[Tensor, Tensor]], found: Mapping[str, Values]) -> Iterator[str]:
    yield "| metric | scores from | to | float32 differs by |"
    yield "|---|---|---|---|"
    exact = {name: (output.double(), target.double()) for name, (output, target) in pairs.items()}
    for metric, values in found.items():
        single, double = values[PERCEPT], _scores(subject(metric, PERCEPT).score, exact)
        worst = max(abs(one - other) for one, other in zip(single, double, strict=True))
        cost = f"**{worst:.1e}**" if worst > NOTICEABLE else f"{worst:.1e}"
        yield f"| `{metric}` | {_number(min(double))} | {_number(max(double))} | {cost} |"


def _table(pairs: Mapping[str, object], found: Mapping[str, Values]) -> Iterator[str]:
    """One row for each metric and whoever computed it; the last column is the greatest deviation from the first row."""
    yield f"| metric | by | {' | '.join(Path(name).stem for name in pairs)} | greatest deviation |"
    yield f"|---|---|{'---|' * (len(pairs) + 1)}"
    for metric, values in found.items():
        first = next(iter(values))
        for who in (first, *(name for name in LIBRARIES if name != first)):
            title = f"`{metric}`" if who == first else ""
            cells = [_number(value) for value in values.get(who, ())] or ["–"] * len(pairs)
            yield f"| {title} | {who} | {' | '.join(cells)} | {_deviation(values, first, who)} |"


def _deviation(values: Values, first: str, who: str) -> str:
    if who == first or who not in values:
        return ""
    return _number(max(abs(a - b) for a, b in zip(values[who], values[first], strict=True)))


def _number(value: float) -> str:
    text = f"{value:.4f}"
    return "0.0000" if text == "-0.0000" else text


if __name__ == "__main__":
    main()
