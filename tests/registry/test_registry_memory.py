from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

# Page faults of thirty rounds, each of which fills and frees six maps of 1 MiB, after one that is not counted.
FAULTS = """
import resource, torch, percept
percept.fidelity_loss("l2")

def work():
    maps = [torch.ones(1 << 18) for _ in range(6)]

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(30):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_kept_unless_the_environment_says_otherwise() -> None:
    # Of 46,000, if nothing were kept; the system may take back a few megabytes at any time.
    assert faults() < 2_000
    assert faults(MALLOC_TRIM_THRESHOLD_="65536", MALLOC_MMAP_THRESHOLD_="65536") > 10_000
