"""One quickstart cell with two threads, alone and beside busy processes, by how OpenMP's threads wait: whole commands.

    python -m tests.benchmarks.bench_threads [--busy 0 1] [--steps 80]

OpenMP's own default (`spinning`) can take minutes beside a busy process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

CELL = "matrix={perceptual: [gmsd], discriminator: [{use: patch, channels: 32}]}"
WAITING = {
    "workers' own": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
    "spinning": {"OMP_WAIT_POLICY": "", "GOMP_SPINCOUNT": "300000"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=80)
    options = parser.parse_args()
    for busy in options.busy:
        for name, variables in WAITING.items():
            print(f"beside {busy} busy processes, {name}: {seconds(variables, busy, options.steps):.1f} s", flush=True)


def seconds(variables: dict[str, str], busy: int, steps: int) -> float:
    """Time of the command with these environment variables, beside so many busy processes."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    command = [sys.executable, "-c", "from percept.cli import main; main()", "recipe", "run", "quickstart"]
    changes = [f"optimize.steps={steps}", "optimize.adversarial.starts-at=20", "runtime.threads=2", CELL]
    try:
        with tempfile.TemporaryDirectory() as store:
            started = time.monotonic()
            arguments = [*command, "--store", store, *(f"--set={change}" for change in changes)]
            subprocess.run(arguments, env={**os.environ, **variables}, stderr=subprocess.DEVNULL, check=True)
            return time.monotonic() - started
    finally:
        for other in others:
            other.kill()


if __name__ == "__main__":
    main()
