"""Kill a recipe's run with SIGKILL at random moments, again and again; its scores must equal an uninterrupted run's.

    python tests/benchmarks/kill.py [RECIPE] [--kills 30] [--set KEY=VALUE]… [--seed 0]

The command and its workers are killed together, up to ten times a run; then it may end, is compared, and the next round
begins in a new store, until there were so many kills. Leaves with 1 if a bit differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from percept_store import Store, open_cube


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        straight, rng = Path(folder, "straight"), random.Random(options.seed)
        arguments = [options.recipe, *(f"--set={value}" for value in options.set)]
        seconds = run(arguments, straight)
        kills, rounds, differences = 0, 0, list[str]()
        while kills < options.kills and not differences:
            rounds += 1
            killed = Path(folder, f"killed-{rounds}")
            kills += run_under_fire(arguments, killed, min(10, options.kills - kills), seconds, rng)
            differences = compare(straight, killed)
    outcome = "; ".join(differences) or "weights, curves and scores equal, bit for bit"
    print(f"{kills} kills in {rounds} rounds of {seconds:.0f} s: {outcome}")
    return 1 if differences else 0


def run(arguments: list[str], store: Path) -> float:
    """Run to the end; returns the seconds."""
    started = time.monotonic()
    subprocess.run(command(arguments, store), check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def run_under_fire(arguments: list[str], store: Path, kills: int, seconds: float, rng: random.Random) -> int:
    """Start, kill after a random part of `seconds`, and so on, up to `kills` times; then run to the end."""
    done = 0
    for _ in range(kills):
        process = subprocess.Popen(command(arguments, store), stderr=subprocess.DEVNULL, start_new_session=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.05, 0.5) * seconds)
            break
        kill_all(process.pid)
        process.wait()
        done += 1
    run(arguments, store)
    return done


def command(arguments: list[str], store: Path) -> list[str]:
    return [
        sys.executable,
        "-c",
        "from percept.cli import main; main()",
        "recipe",
        "run",
        *arguments,
        "--store",
        str(store),
    ]


def kill_all(parent: int) -> None:
    """SIGKILL for a process and all its descendants, some of which live in sessions of their own."""
    for pid in [parent, *descendants(parent)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(parent: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False).stdout.split()
    return [pid for child in map(int, listed) for pid in (child, *descendants(child))]


def compare(one: Path, two: Path) -> list[str]:
    """What differs between two stores: runs, weights, learning curves, scores."""
    differences = []
    runs = [{r.key: r for r in Store(path).ledger.records(kind="run")} for path in (one, two)]
    if runs[0].keys() != runs[1].keys():
        return [f"runs differ: {len(runs[0])} and {len(runs[1])}"]
    for key, record in runs[0].items():
        other = runs[1][key]
        if record.header["weights"] != other.header["weights"]:
            differences.append(f"weights of {key[:12]} differ")
        if any(not np.array_equal(value, other.arrays[name]) for name, value in record.arrays.items()):
            differences.append(f"learning curves of {key[:12]} differ")
    scores = [open_cube(str(path)).sortby("run")["score"].values for path in (one, two)]
    if not np.array_equal(scores[0], scores[1], equal_nan=True):
        differences.append("scores differ")
    return differences


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default=str(Path(__file__).with_name("kill.yaml")))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
