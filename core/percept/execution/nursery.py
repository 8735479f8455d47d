"""A process that has imported what every cell needs, and forks a worker for each: milliseconds instead of seconds.

`python -m percept.execution.nursery FD` serves one client over the socket FD until that closes it. For each message it
takes two files, what its worker reads as stdin and what it writes events to, and answers with the worker's pid; when
the worker ends, with its exit code. It must stay a process of one thread that has computed nothing: forking copies
neither threads nor their locks, nor the state of an accelerator.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress

# torch's optimisers import torch._dynamo when they first work, which takes as long as torch itself.
_NEEDED = (
    "torch._dynamo",
    "safetensors.torch",
    "PIL.Image",
    "percept_store.ledger",
    "percept_store.artefacts",
    "percept.execution.scores",
    "percept.stages.assemble",
    "percept.stages.assess",
    "percept.stages.build",
    "percept.stages.curves",
    "percept.stages.outputs",
    "percept.stages.processes",
    "percept.stages.record",
    "percept.stages.scoring",
    "percept.training.averaging",
    "percept.training.trainer",
)


def main() -> int:
    """Import, then serve; in a worker, which is forked from here, do its task and return its exit code."""
    from percept.execution import worker
    from percept.registry import registry

    channel = socket.socket(fileno=int(sys.argv[1]))
    for module in _NEEDED:
        importlib.import_module(module)
    assert registry().plugins is not None
    gc.freeze()  # collections in workers need not touch, and so copy, what was there before
    return worker.main() if _serve(channel) else 0


def _serve(channel: socket.socket) -> bool:
    """Fork a worker for each request; returns True in a worker, False when the client is gone."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([channel.fileno(), woken], [], [])
        if woken in ready:
            _tell_ended(channel, woken)
        if channel.fileno() in ready:
            request, files, _, _ = socket.recv_fds(channel, 1, 2)
            if not request:
                return False
            if _is_worker(channel, files, woken, wake):
                return True


def _is_worker(channel: socket.socket, files: list[int], *own: int) -> bool:
    pid = os.fork()
    if pid:
        for file in files:
            os.close(file)
        _tell(channel, {"pid": pid})
        return False
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A terminal's Ctrl-C reaches the whole group; the client passes it on in its own time.
    os.setsid()
    channel.close()
    for place, file in enumerate(files):
        os.dup2(file, place)
    for file in (*files, *own):
        os.close(file)
    return True


def _tell_ended(channel: socket.socket, woken: int) -> None:
    with suppress(BlockingIOError):
        os.read(woken, 4096)
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _tell(channel, {"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(channel: socket.socket, message: dict[str, int]) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # the client is gone: the next request says so
        channel.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
