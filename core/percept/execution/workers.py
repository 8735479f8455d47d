"""Worker processes as their parent sees them: started, listened to, waited for, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

# OpenMP's threads spin while they wait for each other: where another process wants the processors too, steps then take
# up to twenty times as long. Threads that soon sleep cost a few per cent on an idle machine. No result depends on it.
_PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
_GRACE = 30.0  # seconds between asking a worker to stop and killing it: a checkpoint may be large


@dataclass(frozen=True)
class Worker:
    """A running worker. `wait(seconds)`: its exit code, negative for a signal; None if it runs on, or nobody knows."""

    pid: int
    lines: IO[str]
    wait: Callable[[float | None], int | None]

    def events(self) -> Iterator[dict[str, Any]]:
        """What it says, until it ends or is killed; half a last line is left out."""
        with self.lines:
            for line in self.lines:
                with suppress(json.JSONDecodeError):
                    yield json.loads(line)

    def ask_to_stop(self) -> None:
        """At its next step, with a checkpoint."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def make_sure(self) -> None:
        """Wait for it to stop, and kill it if it does not."""
        if self.wait(_GRACE) is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """Starts workers by forking them from a process that has imported torch already; see `execution.nursery`."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "percept.execution.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**_PATIENT, **os.environ},
                start_new_session=True,
            )
        self._born: list[int] = []
        self._codes: dict[int, int] = {}
        self._news = threading.Condition()
        self._alive = True
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, task: Mapping[str, Any]) -> Worker:
        """A worker on `task`. Raises ConnectionError if the nursery has died."""
        (task_read, task_write), (event_read, event_write) = os.pipe(), os.pipe()
        stdin, lines = os.fdopen(task_write, "w"), os.fdopen(event_read)
        try:
            socket.send_fds(self._channel, [b"w"], [task_read, event_write])
            pid = self._newborn()
        finally:
            os.close(task_read)
            os.close(event_write)
        with suppress(BrokenPipeError), stdin:
            json.dump(task, stdin)
        return Worker(pid, lines, lambda seconds: self._wait(pid, seconds))

    def close(self) -> None:
        """Let it go; workers that still run go on."""
        self._process.terminate()
        self._process.wait()
        self._channel.close()

    def _newborn(self) -> int:
        with self._news:
            self._news.wait_for(lambda: self._born or not self._alive)
            if not self._born:
                raise ConnectionError("the process that starts workers has died; see the messages above")
            return self._born.pop()

    def _wait(self, pid: int, seconds: float | None) -> int | None:
        with self._news:
            self._news.wait_for(lambda: pid in self._codes or not self._alive, seconds)
            return self._codes.get(pid)

    def _listen(self) -> None:
        with suppress(OSError), self._channel.makefile() as lines:
            for line in lines:
                news = json.loads(line)
                with self._news:
                    if "code" in news:
                        self._codes[news["pid"]] = news["code"]
                    else:
                        self._codes.pop(news["pid"], None)  # of an earlier process that had this number
                        self._born.append(news["pid"])
                    self._news.notify_all()
        with self._news:
            self._alive = False
            self._news.notify_all()


class Spawner:
    """Starts workers one by one, where processes cannot be forked."""

    def start(self, task: Mapping[str, Any]) -> Worker:
        """A worker on `task`."""
        process = subprocess.Popen(
            [sys.executable, "-m", "percept.execution.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**_PATIENT, **os.environ},
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError), process.stdin as stdin:
            json.dump(task, stdin)
        return Worker(process.pid, process.stdout, lambda seconds: _wait(process, seconds))

    def close(self) -> None:
        """Nothing to let go."""


def starter() -> Nursery | Spawner:
    """What starts workers on this system."""
    return Nursery() if hasattr(os, "fork") and hasattr(socket, "send_fds") else Spawner()


def _wait(process: subprocess.Popen[str], seconds: float | None) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
