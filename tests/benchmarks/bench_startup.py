"""Start-up of the command line, as whole processes, warm: median and worst of many.

python tests/benchmarks/bench_startup.py [--runs 20]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = (["--help"], ["plugins", "list"], ["recipe", "--help"], ["recipe", "list"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    percept = shutil.which("percept", path=str(Path(sys.executable).parent)) or "percept"
    for command in COMMANDS:
        times = sorted(_seconds([percept, *command]) for _ in range(runs + 1))[:runs]
        print(f"percept {' '.join(command)}: median {statistics.median(times):.3f} s, worst {max(times):.3f} s")


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
