"""Which run of a store a set of files is: that of the same name whose files are, as far as both know them, the same."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from percept_store import Record, Store

from percept.stages.score import Score

# What stands in a record in the place of the generator: outputs that were made elsewhere.
GENERATOR = "folder"

Held = dict[tuple[str, str, str], dict[str, Score]]


@dataclass
class Origin:
    """A run, or what will be one.

    exists     the store has its record
    namesakes  runs of that name whose files are others
    held       (image's id, hash of its file, of its reference) → assessor's key → score
    """

    key: str
    exists: bool = False
    namesakes: int = 0
    held: Held = field(default_factory=lambda: defaultdict(dict))


def find_origin(store: Store, runs: Iterable[Record], name: str, contents: Mapping[str, str]) -> Origin:
    """The newest of `runs` called `name` that holds no other file for any of `contents`; else a new one.

    contents  image's id → hash of its file, "" where that cannot be read

    So a set may grow, and be judged by ever more assessors, while changed files never mix with the old ones' scores.
    """
    mine = [run for run in runs if is_origin(run) and run.header["factors"]["generator"] == name]
    for run in sorted(mine, key=lambda run: run.moment, reverse=True):
        held = _held(_assessments(store, run.key))
        worth = [(image, file) for (image, file, _), scores in held.items() if _counts(scores)]
        if all(contents.get(image, file) in (file, "") for image, file in worth):
            return Origin(run.key, exists=True, held=held)
    identity = json.dumps(["files", name, sorted(contents.items())])
    return Origin(hashlib.sha256(identity.encode()).hexdigest(), namesakes=len(mine))


def is_origin(run: Record) -> bool:
    """Whether it is a run of files made elsewhere, rather than of a recipe."""
    generator = run.header.get("cell", {}).get("generator", {})
    return generator.get("use") == GENERATOR and not run.header.get("recipe")


def _assessments(store: Store, key: str) -> list[Record]:
    places = (p for p in store.ledger.places().values() if p.kind == "assessment" and p.key == key)
    return sorted(store.ledger.read(places), key=lambda record: record.moment)


def _held(records: Sequence[Record]) -> Held:
    held: Held = defaultdict(dict)
    for record in records:
        reasons = record.header["reasons"]
        for i, image in enumerate(record.header["images"]):
            scores = held[image["id"], image["file"], image["reference_file"]]
            for a, assessor in enumerate(record.header["assessors"]):
                status = int(record.arrays["status"][a, i])
                if status:
                    value = float(record.arrays["score"][a, i])
                    scores[assessor["key"]] = Score(value, status, reasons.get(f"{a},{i}", ""))
    return held


def _counts(scores: Mapping[str, Score]) -> bool:
    """Whether that file was worth anything: one that could not be read may be mended."""
    return any(score.ok for score in scores.values())
