"""What the ledger holds of a run's scores on one test set: which assessors are through, and how many scores failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from percept.registry import registry
from percept.stages.assess import options_of
from percept.stages.score import FAILED, NOT_RUN, OK
from percept.stages.scoring import assessor_facts

if TYPE_CHECKING:
    from percept_store import Record

Config = Mapping[str, Any]


class Assessment(NamedTuple):
    """A record of kind `assessment` without its values: its header, and the status of each (assessor, image)."""

    header: Mapping[str, Any]
    status: np.ndarray[Any, np.dtype[np.uint8]]

    @classmethod
    def of(cls, record: Record) -> Assessment:
        """A copy: what the record's arrays are part of can go."""
        return cls(record.header, np.array(record.arrays["status"], dtype=np.uint8))


class Held:
    """The scores of one run of the cell `config`, as the cube joins them: ok beats anything, then the newer.

    test  names the test set as it is used; assessments of others are left out
    """

    def __init__(self, assessments: Iterable[Assessment], config: Config, test: str) -> None:
        self._options = options_of(config)
        self._status: dict[str, np.ndarray[Any, np.dtype[np.uint8]]] = {}
        self._reasons: dict[str, str] = {}
        about = [one for one in assessments if one.header["test"] == test]
        for one in sorted(about, key=lambda one: str(one.header["created"])):
            self._add(one)

    def missing(self, assessors: Sequence[Config], retry_failed: bool) -> tuple[Config, ...]:
        """Those among `assessors` without scores; with `retry_failed` also those of which any score failed."""
        return tuple(a for a in assessors if self._is_missing(self._facts(a)["key"], retry_failed))

    def failures(self, assessors: Sequence[Config]) -> tuple[int, str]:
        """How many scores of these assessors failed, and one line on them; 0 and nothing if none did."""
        asked = [self._facts(assessor) for assessor in assessors]
        failed = {facts["label"]: facts["key"] for facts in asked if self._failed(facts["key"])}
        if not failed:
            return 0, ""
        number = sum(self._failed(key) for key in failed.values())
        reason = next((self._reasons[key] for key in failed.values() if key in self._reasons), "")
        what = f"{number} score{'s' * (number > 1)} failed before"
        return number, f"{what}: {', '.join(failed)}: {reason} (--retry-failed tries again)"

    def _add(self, new: Assessment) -> None:
        for line, facts in enumerate(new.header["assessors"]):
            key, status = facts["key"], new.status[line]
            held = self._status.get(key, np.zeros_like(status))
            self._status[key] = np.where((held == OK) | (status == NOT_RUN), held, status)
            for image in np.flatnonzero(status == FAILED)[:1]:
                self._reasons[key] = new.header["reasons"].get(f"{line},{image}", "")

    def _is_missing(self, key: str, retry_failed: bool) -> bool:
        return key not in self._status or (retry_failed and self._failed(key) > 0)

    def _failed(self, key: str) -> int:
        return int((self._status[key] == FAILED).sum()) if key in self._status else 0

    def _facts(self, assessor: Config) -> dict[str, Any]:
        return assessor_facts(registry().find("assessor", assessor["use"]), assessor, self._options)
