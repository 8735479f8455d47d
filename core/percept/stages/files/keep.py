"""Scores of files in a store: a run for each set, as a recipe's runs are kept, so that one cube shows both."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from percept_store import Store

from percept.stages.files.comparison import Judged
from percept.stages.files.holdings import Holdings
from percept.stages.files.match import Candidate, Task
from percept.stages.files.origin import GENERATOR
from percept.stages.job import Job
from percept.stages.record import record_assessment, record_run
from percept.stages.score import FAILED, NOT_RUN, Score, no_score
from percept.training.runtime import Runtime

FLUSH_SECONDS = 60.0


class Keeper:
    """Knows what a store holds of these files, and puts there what it does not.

    label  the name of the data in scores; "": each set is its own
    """

    def __init__(
        self,
        store: Store,
        tasks: Sequence[Task],
        assessors: Sequence[Mapping[str, Any]],
        label: str,
        runtime: Runtime,
    ) -> None:
        self.store, self._assessors, self._runtime = store, assessors, runtime
        self._new = self._held = 0
        self._changed = False
        self._notes: list[str] = []
        self._holdings = Holdings(store, tasks, label)
        self._waiting: dict[str, list[tuple[dict[str, Any], list[Score]]]] = {}
        self._since = time.monotonic()

    def informed(self, tasks: Iterable[Task]) -> list[Task]:
        """The tasks with the scores that are known; failures are tried again."""
        return [replace(t, candidates=tuple(self._informed(c, t.reference) for c in t.candidates)) for t in tasks]

    def told(self) -> tuple[int, int, tuple[str, ...]]:
        """How many scores are new, how many the store held before, and what else there is to know."""
        return self._new, self._held, tuple(self._notes)

    def keep(self, images: Iterable[Judged]) -> Iterator[Judged]:
        """Pass images on while their scores go into the ledger, then refresh the cube; an interruption costs little."""
        try:
            for judged in images:
                self._add(judged)
                if time.monotonic() - self._since > FLUSH_SECONDS:
                    self._flush()
                yield judged
        finally:
            self._flush()
        if self._changed:
            self.store.refresh()

    def _add(self, judged: Judged) -> None:
        # What an image shows is known by its reference: without that there is no place to keep its scores at.
        if judged.lonely or (judged.reference and not judged.target.sha256):
            return
        held = self._holdings.scores(judged.candidate, judged.reference)
        scores = [
            no_score(NOT_RUN, "") if _same(held.get(facts["key"]), score) else score
            for facts, score in zip(self._assessors, judged.scores, strict=True)
        ]
        if any(score.status != NOT_RUN for score in scores):
            self._waiting.setdefault(judged.candidate.set, []).append((self._holdings.facts(judged), scores))
            self._new += sum(score.ok for score in scores)

    def _informed(self, candidate: Candidate, reference: Path | None) -> Candidate:
        held = self._holdings.scores(candidate, reference)
        asked = {one["key"] for one in self._assessors}
        known = {key: score for key, score in held.items() if score.status != FAILED and key in asked}
        self._held += sum(score.ok for score in known.values())
        return replace(candidate, known=known)

    def _flush(self) -> None:
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        for name, rows in self._waiting.items():
            job = self._begun(name)
            used = [i for i in range(len(self._assessors)) if any(scores[i].status != NOT_RUN for _, scores in rows)]
            kept = [(facts, [scores[i] for i in used]) for facts, scores in rows]
            record_assessment(job, [self._assessors[i] for i in used], kept, rows[0][0]["dataset"], seconds)
            self._changed = True
        self._waiting = {}

    def _begun(self, name: str) -> Job:
        origin = self._holdings.origins[name]
        cell = {"generator": {"use": GENERATOR, "parameters": {}, "label": name}, "seed": 0}
        job = Job(cell, origin.key, "", {}, self.store, self._runtime, Path())
        if not origin.exists:
            record_run(job, "ok")
            origin.exists = True
            if origin.namesakes:
                self._notes.append(f"{name}: the store has other files by this name; these are run {job.key[:12]}")
        return job


def _same(held: Score | None, score: Score) -> bool:
    return held is not None and (held.status, held.reason) == (score.status, score.reason)
