"""What a recipe asks for, against what the ledger holds: which cells are done, and what the others still need."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from percept_store import Store

from percept.errors import InputError, PerceptError, RecipeError
from percept.execution.identity import run_key
from percept.execution.scores import Held
from percept.execution.snapshot import Snapshot
from percept.recipe import Cell, Recipe, load
from percept.stages import SCHEMAS
from percept.stages.assess import label_of, test_key
from percept.stages.build import build_dataset
from percept.stages.identity import file_hash, learns_from
from percept.stages.label import factors_of

State = Literal["new", "resume", "assess", "done", "failed"]


@dataclass(frozen=True)
class PlannedCell:
    """One cell with its name and what is left to do.

    state          new · resume (from a checkpoint) · assess (only scores are missing) · done · failed
    error          why it failed, or which of its scores did
    assessors      those whose scores are missing
    initial        `generator`, `adapter` or `discriminator` → (run, part) that it starts from
    test           names the test set as it is used
    failed_scores  how many scores failed before and are not tried again
    """

    recipe: str
    config: Mapping[str, Any]
    factors: Mapping[str, Any]
    key: str
    state: State
    error: str = ""
    assessors: tuple[Mapping[str, Any], ...] = ()
    initial: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    test: str = ""
    failed_scores: int = 0

    @property
    def label(self) -> str:
        """The matrix axes of the cell, `perceptual=gmsd seed=0`, or the recipe's name where there are none."""
        return " ".join(f"{k}={v}" for k, v in self.factors.items()) or self.recipe


class _Data(NamedTuple):
    fingerprint: str
    label: str


class _Labels(NamedTuple):
    values: Mapping[str, Any]
    of_seeds: bool  # whether seed is an axis of its recipe


class Planner:
    """Plans recipes against one store. Datasets are fingerprinted once, recipes that others start from loaded once."""

    def __init__(self, store: Store, retry_failed: bool = False) -> None:
        self.store = store
        self.retry_failed = retry_failed
        self.snapshot = Snapshot(store)
        self._data = functools.cache(_data)
        self._load = functools.cache(_load)
        self._stack: list[Path] = []

    def plan(self, recipe: Recipe) -> list[PlannedCell]:
        """Every cell once, those that others start from first.

        Raises RecipeError where an `init` leads nowhere, or where two cells are one run that is to be assessed on
        different images: they differ in nothing that a run is known by, and one would take the other's place.
        """
        planned: dict[str, PlannedCell] = {}
        for cell in recipe.cells:
            for found in self._with_needs(recipe, cell):
                before = planned.setdefault(found.key, found)
                if before.test == found.test or found.recipe != recipe.name:
                    continue
                if before.recipe == recipe.name:
                    what = f"{before.label} and {found.label} are one run, assessed on different images"
                    raise RecipeError([cell.problem("data.test", f"{what}; give each a recipe of its own")])
                planned[found.key] = found  # what this recipe asks for, rather than the recipe that it starts from
        return list(planned.values())

    def _with_needs(self, recipe: Recipe, cell: Cell) -> Iterable[PlannedCell]:
        needs: list[PlannedCell] = []
        names: dict[str, str] = {}
        initial: dict[str, tuple[str, str]] = {}
        try:
            for kind, init in _inits(cell.config).items():
                if isinstance(init, str):
                    names[kind] = file_hash(Path(init))
                    continue
                chain = self._source(recipe, cell, init)
                needs += chain
                initial[kind] = (chain[-1].key, init["part"])
                names[kind] = "/".join(initial[kind])
            return [*needs, self._planned(recipe, cell, names, initial)]
        except RecipeError:
            raise
        except PerceptError as error:
            return [*needs, _hopeless(recipe, cell, str(error))]

    def _planned(
        self, recipe: Recipe, cell: Cell, names: Mapping[str, str], initial: Mapping[str, tuple[str, str]]
    ) -> PlannedCell:
        config = cell.config
        data = config["data"].get(learns_from(config))
        train = self._data(_frozen(data)).fingerprint if config.get("optimize") else ""
        key = run_key(config, train, names, self._validated(config))
        state, error = self._run_state(key)
        if state == "failed" or not config.get("assess"):
            return PlannedCell(recipe.name, config, cell.factors, key, state, error, initial=initial)
        test = self._test(config)
        held = Held(self.snapshot.assessments.get(key, []), config, test)
        missing = held.missing(config["assess"]["with"], self.retry_failed)
        if state == "done" and missing:
            state = "assess"
        failed, error = held.failures([a for a in config["assess"]["with"] if a not in missing])
        return PlannedCell(recipe.name, config, cell.factors, key, state, error, missing, initial, test, failed)

    def _validated(self, config: Mapping[str, Any]) -> str:
        wanted = (config.get("optimize") or {}).get("validate")
        return self._data(_frozen(config["data"]["validate"])).fingerprint if wanted else ""

    def _test(self, config: Mapping[str, Any]) -> str:
        data = self._data(_frozen(config["data"]["test"]))
        return test_key(config, data.fingerprint, data.label)

    def _run_state(self, key: str) -> tuple[State, str]:
        header = self.snapshot.runs.get(key)
        if header is None or (header["status"] == "failed" and not self._is_final(header)):
            return ("resume" if (scratch_of(self.store, key) / "state.pt").exists() else "new"), ""
        if header["status"] == "failed":
            return "failed", f"failed before: {header['reason']} (--retry-failed tries again)"
        return "done", ""

    def _is_final(self, header: Mapping[str, Any]) -> bool:
        return bool(header.get("final", True)) and not self.retry_failed

    def _source(self, recipe: Recipe, cell: Cell, init: Mapping[str, Any]) -> list[PlannedCell]:
        beside = recipe.path.parent / init["recipe"]
        source, labels = self._load(str(beside) if beside.exists() else init["recipe"])
        if source.path in [*self._stack, recipe.path]:
            raise RecipeError([cell.problem("generator.init.recipe", f"{init['recipe']} starts from this recipe")])
        fitting = (_matches(own, init["where"], cell.factors) for own in labels)
        matching = list(compress(source.cells, fitting))
        if len(matching) != 1:
            where = ", ".join(f"{k}: {v}" for k, v in init["where"].items()) or "nothing"
            raise InputError(f"init: {len(matching)} cells of {init['recipe']} fit `where` ({where}); it must be one")
        self._stack.append(recipe.path)
        try:
            return list(self._with_needs(source, matching[0]))
        finally:
            self._stack.pop()


def scratch_of(store: Store, key: str) -> Path:
    """The folder of a run's checkpoints: in a local store, else below the current directory."""
    root = Path(store.root) if "://" not in str(store.root) else Path(".percept")
    return root / "checkpoints" / key


def _data(frozen: str) -> _Data:
    config = json.loads(frozen)
    dataset = build_dataset(config)
    return _Data(dataset.fingerprint(), label_of(config, dataset))


def _frozen(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


def _inits(config: Mapping[str, Any]) -> dict[str, Any]:
    adversarial = (config.get("optimize") or {}).get("adversarial") or {}
    found = {
        "generator": config["generator"].get("init"),
        "adapter": config["generator"].get("adapter"),
        "discriminator": (adversarial.get("discriminator") or {}).get("init"),
    }
    return {kind: init for kind, init in found.items() if init}


def _load(recipe: str) -> tuple[Recipe, list[_Labels]]:
    """A recipe, and of each of its cells what `where` may name."""
    loaded = load(recipe, SCHEMAS)
    return loaded, [_Labels({**factors_of(c.config), **c.factors}, "seed" in c.factors) for c in loaded.cells]


def _matches(cell: _Labels, where: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    wanted = dict(where)
    if cell.of_seeds and "seed" in mine:
        wanted.setdefault("seed", mine["seed"])
    return all(cell.values.get(axis) == value for axis, value in wanted.items())


def _hopeless(recipe: Recipe, cell: Cell, error: str) -> PlannedCell:
    return PlannedCell(recipe.name, cell.config, cell.factors, f"unplanned-{cell.index}", "failed", error)


def unresolved(cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    """The cells with something left to do."""
    return [c for c in cells if c.state in ("new", "resume", "assess")]
