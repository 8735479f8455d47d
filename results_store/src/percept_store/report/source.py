"""What the report draws from: the cube and the run records, read once, as numpy arrays and text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from percept_store import open_cube
from percept_store.cube.layout import FAILED, NOT_RUN, OK, RUN_COORDINATES, TEXTS

if TYPE_CHECKING:
    import xarray as xr

    from percept_store import Store

_NOT_FACTORS = {"seed", *(variable.name for variable in (*RUN_COORDINATES, *TEXTS))}


@dataclass(frozen=True)
class Run:
    """One run: its place in the cube, its factors as text, and what its record holds.

    `recipe` made it first; `recipes` are all that contain it.
    """

    index: int
    key: str
    ok: bool
    reason: str
    recipe: str
    recipes: tuple[str, ...]
    seed: str
    created: str
    seconds: float
    factors: Mapping[str, str]
    header: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Assessor:
    """One assessor, and its place in the cube. `higher`: higher is better."""

    index: int
    label: str
    key: str
    name: str
    version: str
    higher: bool
    low: float
    high: float
    reference: str
    colour: str
    variant: str

    @property
    def arrow(self) -> str:
        return "↑" if self.higher else "↓"

    @property
    def direction(self) -> str:
        return "higher is better" if self.higher else "lower is better"


@dataclass(frozen=True)
class Source:
    """A store as the report needs it. `score`, `status`: (run, assessor, image); files: artefact names or "".

    `cube` is the whole of it, for studies; without it, none is drawn.
    """

    runs: tuple[Run, ...]
    assessors: tuple[Assessor, ...]
    images: tuple[str, ...]
    score: np.ndarray
    status: np.ndarray
    outputs: np.ndarray
    inputs: np.ndarray
    references: np.ndarray
    reasons: Mapping[tuple[str, str, str], str]
    schema: str
    name: str
    read: Callable[[str], bytes]
    cube: xr.Dataset | None = None

    def covered(self, run: int) -> frozenset[int]:
        """The images that this run restored or was assessed on."""
        seen = (self.status[run] != NOT_RUN).any(axis=0) | (self.outputs[run] != "")
        return frozenset(np.flatnonzero(seen).tolist())

    def reason(self, run: int, assessor: int, image: int) -> str:
        """Why that cell holds no score, in the words of its record; "" where nobody said."""
        key = (self.runs[run].key, self.assessors[assessor].label, self.images[image])
        said = self.reasons.get(key, "")
        return said or (self.runs[run].reason if not self.runs[run].ok else "")


def read_source(store: Store) -> Source:
    """Refresh the cube and read it with the records of its runs. Raises StoreError where there is nothing to read."""
    store.refresh()
    with open_cube(store.root) as cube:
        loaded = cube.load()
        images = _texts(loaded, "image")
        score, status = (loaded[name].transpose("run", "assessor", "image").values for name in ("score", "status"))
        return Source(
            runs=tuple(_runs(store, loaded)),
            assessors=tuple(_assessors(loaded)),
            images=images,
            score=score,
            status=np.where((status == OK) & np.isnan(score), FAILED, status),
            outputs=_files(loaded, "output", ("run", "image")),
            inputs=_files(loaded, "input", ("run", "image")),
            references=_files(loaded, "reference", ("image",)),
            reasons=_reasons(loaded),
            schema=str(loaded.attrs.get("percept_schema", "")),
            name=str(store.root).rstrip("/").rpartition("/")[2] or "store",
            read=store.artefacts.read,
            cube=loaded,
        )


def as_text(value: Any) -> str:
    """A factor's value as a person would write it; "" for a value that is missing."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)):
        return "" if math.isnan(value) else f"{value:.10g}"
    return str(value)


def _texts(cube: xr.Dataset, name: str) -> tuple[str, ...]:
    return tuple(as_text(value) for value in cube[name].values)


def _files(cube: xr.Dataset, name: str, dims: tuple[str, ...]) -> np.ndarray:
    return cube[name].transpose(*dims).values.astype(object)


def _runs(store: Store, cube: xr.Dataset) -> Iterable[Run]:
    names = [str(name) for name, coord in cube.coords.items() if coord.dims == ("run",) and name not in _NOT_FACTORS]
    factors = {name: _texts(cube, name) for name in names}
    plain = {name: _texts(cube, name) for name in ("run", "run_status", "reason", "recipe", "recipes", "created")}
    seeds = _texts(cube, "seed") if "seed" in cube.coords else ("",) * cube.sizes["run"]
    for index, key in enumerate(plain["run"]):
        record = store.ledger.latest("run", key)
        yield Run(
            index=index,
            key=key,
            ok=plain["run_status"][index] == "ok",
            reason=plain["reason"][index],
            recipe=plain["recipe"][index],
            recipes=tuple(filter(None, plain["recipes"][index].split(", "))),
            seed=seeds[index],
            created=plain["created"][index],
            seconds=float(cube["seconds"].values[index]),
            factors={name: values[index] for name, values in factors.items()},
            header=record.header if record else {},
            arrays=record.arrays if record else {},
        )


def _assessors(cube: xr.Dataset) -> Iterable[Assessor]:
    names = ("assessor_key", "assessor_name", "assessor_version", "direction", "reference_kind", "colour", "variant")
    texts = {name: _texts(cube, name) for name in names}
    for index, label in enumerate(_texts(cube, "assessor")):
        yield Assessor(
            index=index,
            label=label,
            key=texts["assessor_key"][index],
            name=texts["assessor_name"][index],
            version=texts["assessor_version"][index],
            higher=texts["direction"][index] == "higher",
            low=float(cube["range_low"].values[index]),
            high=float(cube["range_high"].values[index]),
            reference=texts["reference_kind"][index],
            colour=texts["colour"][index],
            variant=texts["variant"][index],
        )


def _reasons(cube: xr.Dataset) -> dict[tuple[str, str, str], str]:
    told = (
        (run, json.loads(text))
        for run, text in zip(_texts(cube, "run"), _texts(cube, "cell_reasons"), strict=True)
        if text
    )
    return {
        (run, assessor, image): str(reason)
        for run, assessors in told
        for assessor, images in assessors.items()
        for image, reason in images.items()
    }
