"""Workers are forked from one process that has imported torch, and nothing else is shared between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from percept.execution.local import LocalExecutor
from percept.execution.progress import PlainProgress
from percept.execution.task import Task
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


def test_nothing_that_a_nursery_imports_touches_a_gpu() -> None:
    """A process that has asked the driver for GPUs cannot be forked into one that uses them."""
    script = """
import importlib, torch
asked = []
for name in ("_cuda_getDeviceCount", "_cuda_init", "_accelerator_getAccelerator", "_accelerator_getDeviceIndex"):
    if hasattr(torch._C, name):
        setattr(torch._C, name, lambda *args, name=name: asked.append(name) or 0)
for name in ("is_available", "device_count", "_lazy_init", "init"):
    setattr(torch.cuda, name, lambda *args, name=name: asked.append(name) or 0)
from percept.execution.nursery import _NEEDED
for module in _NEEDED:
    importlib.import_module(module)
from percept.registry import registry
assert registry().plugins
print(*asked)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


class Idle:
    """Starts workers that never say anything, and remembers what they were to do."""

    def __init__(self) -> None:
        self.tasks: list[dict[str, Any]] = []
        self.ends: list[IO[str]] = []

    def start(self, task: Any) -> Worker:
        self.tasks.append(task)
        lines, end = os.pipe()
        self.ends.append(os.fdopen(end, "w"))
        return Worker(0, os.fdopen(lines), lambda _: None)

    def close(self) -> None:
        for end in self.ends:
            end.close()


def test_tasks_that_run_together_have_places_of_their_own() -> None:
    executor = LocalExecutor(PlainProgress(3))
    executor._starter = idle = Idle()  # type: ignore[assignment]  # all that is asked of a nursery
    for key, device, processes in (
        ("a", "auto", 1),
        ("b", "cuda", 2),
        ("c", "cpu", 1),
        ("d", "cuda:1", 1),
        ("e", "auto", 1),
    ):
        config = {"runtime": {"device": device, "processes": processes}}
        executor._launch(Task(key, key, "recipe", config, {}, "store", "scratch", 1), attempt=1)
    assert [task["places"] for task in idle.tasks] == [(0,), (1, 2), (), (), (3,)]
    del executor._running["b"]
    assert executor._places({"device": "auto", "processes": 2}) == (1, 2)
    assert executor._places({"device": "auto", "processes": 3}) == (4, 5, 6), "in a row: different GPUs"
    idle.close()
