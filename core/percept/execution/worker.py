"""One cell in a process of its own: `python -m percept.execution.worker` reads a task from stdin, and tells events.

Events go to the original stdout, one JSON object a line; whatever a library prints goes to stderr. If nobody reads the
events any more, the parent is gone and the worker leaves.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO, Any

from percept.errors import PerceptError, reason_of
from percept.stages.job import Event, Job, StoppedError


def main() -> int:
    """Work through the task; returns 0, 1 for a failure that was told, 130 if stopped."""
    task = json.load(sys.stdin)
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    stop = threading.Event()

    def asked(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGTERM, asked)
    return work(task, lambda event: _tell(events, event), stop)


def work(task: dict[str, Any], emit: Any, stop: threading.Event) -> int:
    """Do one task in this process: the run if it is not there yet, then its missing scores."""
    try:
        with _alone(Path(task["scratch"])):
            _stages(task, emit, stop)
    except StoppedError:
        emit({"event": "end", "status": "stopped", "reason": ""})
        return 130
    except Exception as error:
        emit({"event": "end", "status": "failed", "reason": reason_of(error), "traceback": traceback.format_exc()})
        return 1
    emit({"event": "end", "status": "ok", "reason": ""})
    return 0


def _stages(task: dict[str, Any], emit: Any, stop: threading.Event) -> None:
    from percept_store import StoreError

    from percept.stages.record import record_run
    from percept.training.guard import DivergedError

    job = _job(task, emit, stop)
    recorded = job.store.ledger.latest("run", job.key)
    done = recorded is not None and recorded.header["status"] == "ok"
    try:
        if not done and job.config.get("optimize"):
            _optimize(job)
            done = True
        _sweep(job.scratch)
        _assess(job, task)
        if not done:  # a network that is given is not known to be one before it has been built
            record_run(job, "ok")
    except (StoppedError, StoreError):
        raise
    except Exception as error:
        if not done:
            # Only divergence would come again as it was; a missing file or too little memory can be mended.
            record_run(job, "failed", reason=reason_of(error), final=isinstance(error, DivergedError))
        raise


def _optimize(job: Job) -> None:
    from percept.stages import optimize

    job.emit({"event": "stage", "stage": "optimize"})
    optimize.run(job)


def _assess(job: Job, task: Mapping[str, Any]) -> None:
    from percept.stages import assess

    assessors = _still_missing(job, task)
    if assessors:
        job.emit({"event": "stage", "stage": "assess"})
        assess.run(job, assessors)


def _still_missing(job: Job, task: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Of the assessors that the plan found missing, those that no other process saw to before this one had the lock."""
    from percept.execution.scores import Assessment, Held

    if not task["assessors"]:
        return ()
    ledger = job.store.ledger
    places = [p for p in ledger.places().values() if (p.kind, p.key) == ("assessment", job.key)]
    held = Held(map(Assessment.of, ledger.read(places)), job.config, task["test"])
    return held.missing(task["assessors"], task["retry_failed"])


def _job(task: dict[str, Any], emit: Any, stop: threading.Event) -> Job:
    from percept_store import Store

    from percept.training.runtime import Runtime

    store = Store(task["store"])
    return Job(
        config=task["config"],
        key=task["key"],
        recipe=task["recipe"],
        factors=task["factors"],
        store=store,
        runtime=Runtime.setup(task["config"]["runtime"], task["threads"], places=task.get("places", ())),
        scratch=Path(task["scratch"]),
        initial={kind: _artefact(store, *source) for kind, source in task["initial"].items()},
        emit=emit,
        stop=stop,
    )


def _artefact(store: Any, key: str, part: str) -> str:
    record = store.ledger.latest("run", key)
    weights = record.header["weights"] if record else {}
    if part not in weights:
        raise PerceptError(f"init: run {key[:12]} has no weights of '{part}', only {', '.join(weights) or 'none'}")
    name: str = weights[part]
    return name


def _sweep(scratch: Path) -> None:
    """Remove what processes that were killed left of a run that is in the ledger now; called under its lock."""
    for left in scratch.iterdir():
        if left.name != "lock":
            with contextlib.suppress(OSError):
                left.unlink()


@contextlib.contextmanager
def _alone(scratch: Path) -> Iterator[None]:
    """Hold the run's lock: a second process that wants the same run waits, and then finds it done."""
    lock = _locked(scratch)
    try:
        yield
    finally:
        if not (scratch / "state.pt").exists():
            with contextlib.suppress(OSError):
                (scratch / "lock").unlink()
                scratch.rmdir()
        lock.close()


def _locked(scratch: Path) -> IO[str]:
    while True:
        scratch.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            file = (scratch / "lock").open("w")
            lock_file(file)
            # Whoever held the lock before may have tidied the file away: then this lock guards nothing.
            if (scratch / "lock").stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file


def lock_file(file: IO[str]) -> None:
    """Wait for an exclusive lock. Without fcntl two processes may do the same run twice; the ledger keeps one."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX)


def _tell(events: IO[str], event: Event) -> None:
    try:
        events.write(json.dumps(event) + "\n")
    except BrokenPipeError:
        os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
