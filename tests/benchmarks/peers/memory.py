"""Peak memory of one metric in one library, measured in a process of its own that does nothing else. Linux only.

What is counted: the highest resident set during the first call on 512×384, less the resident set just before, when all
is imported, both images are made, and one call on a smaller size has started whatever a first call starts. glibc is told
to map everything of 64 KiB and more and to unmap it when it is freed, so that the resident set follows the tensors.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.peers.libraries import ROOT, AbsentError

SETTINGS = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
SMALLER = (224, 256)
PATIENCE = 600  # seconds
AVAILABLE = Path("/proc/self/clear_refs").exists()


def peaks(metric: str, library: str) -> dict[str, float]:
    """`forward` and, for objectives, `backward` → MiB. Raises AbsentError if it cannot be measured."""
    command = [sys.executable, "-m", __name__, metric, library]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise AbsentError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measured(metric: str, library: str) -> dict[str, float]:
    import torch

    from tests.benchmarks.peers.subject import pair, subject

    torch.set_num_threads(1)
    chosen, images = subject(metric, library), pair()
    calls = {}
    for name in ("forward", "backward"):
        small, call = (getattr(chosen, name)(*shown) for shown in (pair(*SMALLER), images))
        if call is not None:
            with contextlib.suppress(RuntimeError):  # a peer's metric without a gradient
                small()
                calls[name] = call
    gc.collect()
    before, found = _status("VmRSS"), {}
    for name, call in calls.items():
        Path("/proc/self/clear_refs").write_text("5")  # the highest resident set so far is forgotten
        call()
        found[name] = (_status("VmHWM") - before) / 1024
    return found


def _status(key: str) -> int:
    """A line of the kernel's account of this process, KiB."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:])))
