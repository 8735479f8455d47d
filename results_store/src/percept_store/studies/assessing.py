"""The life as an assessor: how well a metric puts degraded images in the order that is known, or that people gave."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from percept_store.selection import factor_names, plain
from percept_store.studies.lives import Life, by_means, metrics, numbers, signed, texts
from percept_store.studies.resolved import resolved_cells
from percept_store.studies.statistics import mean, spearman

DISTORTION, LEVEL = "distortion", "level"
APART = 2  # levels of different distortions are comparable only roughly: nearer ones are not held against a metric
LEAST_OF_A_REFERENCE = 4


def ladders(cube: xr.Dataset) -> dict[str, Life]:
    """`within` and `across` distortions: the share of pairs of rungs that each assessor puts in the right order.

    Rungs are successful runs with the factors `distortion` and `level`, a higher level being worse. Within: two levels
    of one distortion. Across: two distortions, at least two levels apart. A tie counts half. Empty without such runs.
    """
    if not {DISTORTION, LEVEL} <= set(factor_names(cube)):
        return {}
    kinds, levels = texts(cube, DISTORTION), numbers(texts(cube, LEVEL))
    rungs = np.flatnonzero((kinds != "") & np.isfinite(levels) & (texts(cube, "run_status") == "ok")).tolist()
    pairs = [(a, b) for a, b in itertools.permutations(rungs, 2) if levels[a] < levels[b]]
    kind = {
        "within": [(a, b) for a, b in pairs if kinds[a] == kinds[b]],
        "across": [(a, b) for a, b in pairs if kinds[a] != kinds[b] and levels[b] - levels[a] >= APART],
    }
    return {name: _ordered(cube, chosen) for name, chosen in kind.items() if chosen}


def _ordered(cube: xr.Dataset, pairs: Sequence[tuple[int, int]]) -> Life:
    scores = signed(cube)
    better, worse = (scores[list(side)] for side in zip(*pairs, strict=True))
    known = np.isfinite(better) & np.isfinite(worse)
    right = np.where(known, (better > worse) + 0.5 * (better == worse), np.nan)
    values = mean(np.moveaxis(right, 0, -1))
    seen = np.isfinite(values).any(axis=0)
    return by_means(metrics(cube).tolist(), texts(cube, "image")[seen].tolist(), values[:, seen])


def opinions(cube: xr.Dataset) -> dict[str, Life]:
    """Dataset of rated images → Spearman's correlation of each assessor with the mean opinions, direction turned.

    Counted are rated images as they are: those of runs that optimise nothing and degrade nothing, where what comes out
    is what went in, as with the generator `identity`. `<dataset>, by reference` is the mean of the correlations among
    images of one reference, where that has four at least. Raises QueryError as `resolved_cells` does.
    """
    mos = np.asarray(cube["mos"].values, dtype=float)
    untouched = _untouched(cube, np.isfinite(mos))
    seen = untouched.any(axis=0)
    scores = np.where(untouched[:, None], signed(cube), np.nan)
    found: dict[str, Life] = {}
    for dataset in dict.fromkeys(texts(cube, "dataset")[seen]):
        images = np.flatnonzero(seen & (texts(cube, "dataset") == dataset))
        # Every run that left the images alone scored the same ones, which differ in nothing.
        values = mean(np.moveaxis(scores[:, :, images], 0, -1))
        references = texts(cube, "rated_reference")[images]
        found |= _correlated(cube, str(dataset), images, values, mos[images], references)
    return found


def _untouched(cube: xr.Dataset, rated: np.ndarray) -> np.ndarray:
    """(run, image): whether what was scored is the image that people rated.

    Artefacts go by their content. Whether a run made its input of a rated image only its cell can say.
    """
    given, output = (plain(cube[name].transpose("run", "image")) for name in ("input", "output"))
    idle = (texts(cube, "fidelity_loss") == "") & (texts(cube, "run_status") == "ok")
    same = (given == output) & (given != "") & rated & idle[:, None]
    cells = resolved_cells(cube, np.flatnonzero(same.any(axis=1)))
    kept = np.zeros(len(same), dtype=bool)
    kept[[place for place, cell in cells.items() if not (cell.get("data") or {}).get("degrade")]] = True
    untouched: np.ndarray = same & kept[:, None]
    return untouched


def _correlated(
    cube: xr.Dataset, dataset: str, images: np.ndarray, values: np.ndarray, mos: np.ndarray, references: np.ndarray
) -> Mapping[str, Life]:
    names = tuple(metrics(cube))
    labels = tuple(texts(cube, "image")[images])

    def pooled(chosen: np.ndarray) -> np.ndarray:
        return spearman(values[:, chosen], mos[chosen])

    def by_reference(chosen: np.ndarray) -> np.ndarray:
        groups = [chosen[references[chosen] == name] for name in dict.fromkeys(references)]
        kept = [group for group in groups if len(group) >= LEAST_OF_A_REFERENCE]
        found = [spearman(values[:, group], mos[group]) for group in kept]
        return mean(np.array(found).reshape(len(kept), len(values)).T)

    lives = {dataset: Life(names, labels, pooled)}
    counts = [int((references == name).sum()) for name in dict.fromkeys(references)]
    if len(counts) > 1 and max(counts) >= LEAST_OF_A_REFERENCE:
        lives[f"{dataset}, by reference"] = Life(names, labels, by_reference)
    return lives
