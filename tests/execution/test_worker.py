"""A task that somebody else has done meanwhile, and what a killed process left behind."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from percept.execution import task_of
from percept.execution.plan import PlannedCell
from percept.execution.worker import work
from percept_store import Store

from tests.execution.planning import BICUBIC, planned


def work_on(cell: PlannedCell, folder: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    work(task_of(cell, str(folder / "store"), jobs=1).as_dict(), events.append, threading.Event())
    assert events[-1]["status"] == "ok", events[-1]["reason"]
    return events


@pytest.mark.usefixtures("in_this_process")
def test_what_another_process_assessed_meanwhile_is_not_assessed_again(tmp_path: Path) -> None:
    (first,) = planned(tmp_path, BICUBIC)
    (second,) = planned(tmp_path, BICUBIC, "assess.with=[psnr, ssim]")
    assert [len(cell.assessors) for cell in (first, second)] == [1, 2]
    for cell in (first, second, first):
        work_on(cell, tmp_path)
    found = Store(tmp_path / "store").ledger.records("assessment")
    assert sorted(facts["name"] for record in found for facts in record.header["assessors"]) == ["psnr", "ssim"]


@pytest.mark.usefixtures("in_this_process")
def test_what_killed_processes_left_goes_with_the_run(tmp_path: Path) -> None:
    (cell,) = planned(tmp_path, BICUBIC)
    scratch = Path(task_of(cell, str(tmp_path / "store"), jobs=1).scratch)
    scratch.mkdir(parents=True)
    for name in ("state.pt", "state.pt.4711.tmp", "rendezvous-1f"):
        (scratch / name).write_bytes(b"half a checkpoint")
    work_on(cell, tmp_path)
    assert not scratch.exists()
