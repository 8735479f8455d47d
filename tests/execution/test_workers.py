"""Workers are forked from one process that has imported torch, and nothing else is shared between them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from percept.execution.workers import Nursery, Spawner, Worker

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    started = Nursery()
    yield started
    started.close()


def no_task(tmp_path: Path) -> dict[str, str]:
    return {"scratch": str(tmp_path / "scratch"), "store": str(tmp_path)}


def heard_of(worker: Worker) -> list[str]:
    return [event["event"] for event in worker.events()]


def test_a_worker_tells_how_it_ended_and_leaves_its_exit_code(nursery: Nursery, tmp_path: Path) -> None:
    worker = nursery.start(no_task(tmp_path))
    assert heard_of(worker) == ["end"]
    assert worker.wait(30) == 1


def test_a_spawned_worker_does_the_same(tmp_path: Path) -> None:
    worker = Spawner().start(no_task(tmp_path))
    assert heard_of(worker) == ["end"]
    assert worker.wait(30) == 1


def test_each_worker_is_a_process_of_its_own(nursery: Nursery, tmp_path: Path) -> None:
    workers = [nursery.start(no_task(tmp_path / str(number))) for number in range(3)]
    assert len({worker.pid for worker in workers}) == 3
    assert [heard_of(worker) for worker in workers] == [["end"]] * 3


def test_a_killed_worker_costs_only_itself(nursery: Nursery, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    lock = (tmp_path / "scratch" / "lock").open("w")
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX)  # the worker waits for it
    worker = nursery.start(no_task(tmp_path))
    assert worker.wait(0.5) is None
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(30) == -signal.SIGKILL
    assert heard_of(worker) == []
    lock.close()
    assert heard_of(nursery.start(no_task(tmp_path))) == ["end"]


def test_a_nursery_that_was_killed_says_so_at_the_next_start(tmp_path: Path) -> None:
    nursery = Nursery()
    assert heard_of(nursery.start(no_task(tmp_path))) == ["end"]
    os.kill(nursery._process.pid, signal.SIGKILL)
    nursery._process.wait()
    with pytest.raises(ConnectionError):
        nursery.start(no_task(tmp_path))
    nursery.close()
