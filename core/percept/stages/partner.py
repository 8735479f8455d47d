"""`python -m percept.stages.partner`: one of the processes that train together, started by the one that leads.

It reads what to do from stdin, and ends when that closes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import IO, Any

from percept_store import Store

from percept.errors import reason_of
from percept.stages import optimize
from percept.stages.job import Job, StoppedError
from percept.stages.processes import joined, leave
from percept.training.group import Group
from percept.training.runtime import Runtime


def main() -> int:
    """Take part in a training; returns 0, or 1 after leaving the reason beside the checkpoint."""
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
        leave()
    return 0


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
    return joined(job, Group(task["rank"], task["size"]), task["threads"], Path(task["meeting"]))


def _leave_with(parent: IO[str]) -> None:
    """End as soon as whoever started this process is gone: it would wait for the others' gradients for ever."""
    parent.read()
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
