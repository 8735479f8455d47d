"""Several processes for one run, one a GPU: the worker leads, and starts the others.

`python -m percept.stages.processes` is one of the others; it reads what to do from stdin and ends when that closes.
"""

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
from typing import IO, Any

import torch
from percept_store import Store

from percept.errors import PerceptError
from percept.stages.job import Job, StoppedError
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
    threads = max(1, job.runtime.threads // size)
    meeting = job.scratch / f"rendezvous-{uuid.uuid4().hex}"
    others = [_start(job, rank, size, threads, meeting) for rank in range(1, size)]
    over = threading.Event()
    threading.Thread(target=_watch, args=(job, others, over), daemon=True).start()
    try:
        yield _joined(job, Group(0, size), threads, meeting)
        _leave()
        for other in others:
            other.wait()
    except RuntimeError as error:  # what torch says of a partner who is gone; the partner has said why
        _leave()
        failures = _reasons(job.scratch)
        if failures:
            raise PerceptError(failures) from error
        raise
    finally:
        over.set()
        for other in others:
            other.kill()
        _leave()
        for left in (meeting, *job.scratch.glob("process-*.failed")):
            left.unlink(missing_ok=True)


def main() -> int:
    """Take part in a training; returns 0, or 1 after leaving the reason beside the checkpoint."""
    from percept.execution.worker import reason_of
    from percept.stages import optimize

    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with, args=(sys.stdin,), daemon=True).start()
    try:
        optimize.run(_job(task))
    except StoppedError:
        return 0
    except Exception as error:
        Path(task["scratch"], f"process-{task['rank']}.failed").write_text(reason_of(error), "utf-8")
        return 1
    finally:
        _leave()
    return 0


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
    process = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=sys.stderr, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    return process


def _job(task: dict[str, Any]) -> Job:
    job = Job(
        config=task["config"],
        key=task["key"],
        recipe=task["recipe"],
        factors=task["factors"],
        store=Store(task["store"]),
        runtime=Runtime.setup(task["config"]["runtime"], task["threads"], Group(task["rank"], 1), task["places"]),
        scratch=Path(task["scratch"]),
        initial=task["initial"],
    )
    return _joined(job, Group(task["rank"], task["size"]), task["threads"], Path(task["meeting"]))


def _joined(job: Job, group: Group, threads: int, meeting: Path) -> Job:
    runtime = Runtime.setup(job.config["runtime"], threads, group, job.runtime.places)
    torch.distributed.init_process_group(
        "nccl" if runtime.device.type == "cuda" else "gloo",
        init_method=meeting.absolute().as_uri(),
        rank=group.rank,
        world_size=group.size,
        timeout=PATIENCE,
    )
    return dataclasses.replace(job, runtime=runtime)


def _watch(job: Job, others: Sequence[subprocess.Popen[str]], over: threading.Event) -> None:
    """End the run where a partner has failed and nobody tells: on GPUs, and before all have met, one waits in vain."""
    while not over.wait(0.5):
        if any(other.poll() for other in others) and not over.wait(GRACE):
            reason = _reasons(job.scratch) or "one of its processes ended without a word; see the messages above"
            record_run(job, "failed", reason=reason, final=False)
            job.emit({"event": "end", "status": "failed", "reason": reason, "traceback": ""})
            os._exit(1)


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _leave_with(parent: IO[str]) -> None:
    """End as soon as whoever started this process is gone: it would wait for the others' gradients for ever."""
    parent.read()
    os._exit(130)


def _reasons(scratch: Path) -> str:
    """What the others said before they failed."""
    found = sorted(scratch.glob("process-*.failed"))
    return "; ".join(f"{path.stem}: {path.read_text('utf-8')}" for path in found)


if __name__ == "__main__":
    sys.exit(main())
