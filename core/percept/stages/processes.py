"""Several processes for one run, one a GPU: the worker leads, and starts the others (percept.stages.partner)."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import torch

from percept.errors import InputError, PerceptError
from percept.stages.job import Job
from percept.stages.record import record_run
from percept.training.group import Group
from percept.training.runtime import Runtime

PATIENCE = timedelta(minutes=10)
GRACE = 10.0  # seconds in which whoever can is told of a partner's end by torch


@contextlib.contextmanager
def together(job: Job) -> Iterator[Job]:
    """The job as one of `runtime.processes`, after the others have been started; the job itself where it is alone.

    Raises PerceptError, with its reason, if one of the others fails.
    """
    size = job.runtime.processes
    if size == 1 or job.runtime.group.size > 1:
        yield job
        return
    if job.runtime.device.type == "cpu" and size > max(2, os.cpu_count() or 1):
        raise InputError(f"runtime.processes: {size}, but this machine has {os.cpu_count()} cores; lower it")
    threads = max(1, job.runtime.threads // size)
    meeting = job.scratch / f"rendezvous-{uuid.uuid4().hex}"
    others = [_start(job, rank, size, threads, meeting) for rank in range(1, size)]
    over = threading.Event()
    threading.Thread(target=_watch, args=(job, others, over), daemon=True).start()
    try:
        yield joined(job, Group(0, size), threads, meeting)
        leave()
        for other in others:
            other.wait()
    except RuntimeError as error:  # what torch says of a partner who is gone; the partner has said why
        leave()
        failures = _reasons(job.scratch)
        if failures:
            raise PerceptError(failures) from error
        raise
    finally:
        over.set()
        for other in others:
            other.kill()
        leave()
        for left in (meeting, *job.scratch.glob("process-*.failed")):
            left.unlink(missing_ok=True)


def joined(job: Job, group: Group, threads: int, meeting: Path) -> Job:
    """The job as process `group.rank` of `group.size`, once all have met at that file; waits for PATIENCE at most."""
    runtime = Runtime.setup(job.config["runtime"], threads, group, job.runtime.places)
    torch.distributed.init_process_group(
        "nccl" if runtime.device.type == "cuda" else "gloo",
        init_method=meeting.absolute().as_uri(),
        rank=group.rank,
        world_size=group.size,
        timeout=PATIENCE,
    )
    return dataclasses.replace(job, runtime=runtime)


def leave() -> None:
    """Leave the group, if this process is in one."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _start(job: Job, rank: int, size: int, threads: int, meeting: Path) -> subprocess.Popen[str]:
    task = {
        **{name: getattr(job, name) for name in ("config", "key", "recipe", "factors", "initial")},
        "store": str(job.store.root),
        "scratch": str(job.scratch),
        "meeting": str(meeting),
        "rank": rank,
        "size": size,
        "places": job.runtime.places,
        "threads": threads,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "percept.stages.partner"], stdin=subprocess.PIPE, stdout=sys.stderr, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    return process


def _watch(job: Job, others: Sequence[subprocess.Popen[str]], over: threading.Event) -> None:
    """End the run where a partner has failed and nobody tells: on GPUs, and before all have met, one waits in vain."""
    while not over.wait(0.5):
        if any(other.poll() for other in others) and not over.wait(GRACE):
            reason = _reasons(job.scratch) or "one of its processes ended without a word; see the messages above"
            record_run(job, "failed", reason=reason, final=False)
            job.emit({"event": "end", "status": "failed", "reason": reason, "traceback": ""})
            os._exit(1)


def _reasons(scratch: Path) -> str:
    """What the others said before they failed."""
    found = sorted(scratch.glob("process-*.failed"))
    return "; ".join(f"{path.stem}: {path.read_text('utf-8')}" for path in found)
