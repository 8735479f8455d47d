"""Tasks in several processes, for machines with more cores than one image keeps busy."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice

import torch

from percept.errors import PerceptError
from percept.stages.files.comparison import Judged
from percept.stages.files.match import Task
from percept.stages.files.work import Bench, set_up

_QUEUED = 2

_bench: Bench


def judge_in_processes(bench: Bench, tasks: Sequence[Task], jobs: int) -> Iterator[Judged]:
    """What `bench` makes of the tasks, in their order; each process has its own assessors and its share of the threads.

    Raises PerceptError if a process dies.
    """
    settings = str(bench.device), max(1, torch.get_num_threads() // jobs)
    rest = iter([part for task in tasks for part in _parts(task, jobs)])
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, _begin, (bench, *settings)) as pool:
        waiting = deque(pool.submit(_judge, task) for task in islice(rest, _QUEUED * jobs))
        try:
            while waiting:
                judged = waiting.popleft().result()
                waiting.extend(pool.submit(_judge, task) for task in islice(rest, 1))
                yield from judged
        except BrokenProcessPool:
            raise PerceptError("a worker process died, perhaps for want of memory; use fewer --jobs") from None
        finally:
            pool.shutdown(cancel_futures=True)


def _parts(task: Task, jobs: int) -> Iterator[Task]:
    """A reference of many images, such as one for all, is prepared in each process."""
    size = max(len(task.candidates) // jobs, 16)
    for first in range(0, len(task.candidates), size):
        yield replace(task, candidates=task.candidates[first : first + size])


def _begin(bench: Bench, device: str, threads: int) -> None:
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends the others
    set_up(device, threads)
    _bench = bench


def _judge(task: Task) -> list[Judged]:
    return list(_bench.judge([task]))
