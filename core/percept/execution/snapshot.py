"""What the ledger holds at one moment, read once: a plan of many cells must not read it for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from percept.execution.scores import Assessment

if TYPE_CHECKING:
    from percept_store import Store

Header = Mapping[str, Any]


class Snapshot:
    """By run: `runs`, the header that counts (ok before failed, then the newest); `assessments`; `memberships`."""

    def __init__(self, store: Store) -> None:
        self.runs: dict[str, Header] = {}
        self.assessments: dict[str, list[Assessment]] = defaultdict(list)
        self.memberships: dict[str, list[Header]] = defaultdict(list)
        for record in store.ledger.records():
            if record.kind == "run":
                self._run(record.key, record.header)
            elif record.kind == "assessment":
                self.assessments[record.key].append(Assessment.of(record))
            elif record.kind == "membership":
                self.memberships[record.key].append(record.header)

    def _run(self, key: str, header: Header) -> None:
        def rank(one: Header) -> tuple[bool, str]:
            return one["status"] == "ok", one["created"]

        if key not in self.runs or rank(header) > rank(self.runs[key]):
            self.runs[key] = header
