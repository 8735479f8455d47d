"""The store at scale, and under kill -9.

    python tests/benchmarks/bench_store.py [--runs 10000] [--assessors 10] [--images 10] [--folder DIR]
    python tests/benchmarks/bench_store.py --kill 200

The first form times putting records (a run and an assessment each), building the cube, refreshing it after one more run
(in the same process, and in a new one), compacting, opening, and group means. The second kills a process that puts,
refreshes and compacts, again and again at random moments, and checks after each that the cube opens with rows that are
whole and that nothing which was acknowledged is lost; it leaves with 1 if not.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from percept_store import Record, Store, open_cube

START = datetime(2025, 1, 1, tzinfo=UTC)


def main() -> None:
    options = _options()
    if options.writer is not None:
        write_for_ever(Store(options.folder), options.writer)
    elif options.once is not None:
        print(refresh_once(Store(options.folder), options.once, options.assessors, options.images))
    elif options.kill:
        with _folder(options.folder) as folder:
            sys.exit(kill(Store(folder), options.kill))
    else:
        with _folder(options.folder) as folder:
            measure(folder, options.runs, options.assessors, options.images)


def measure(folder: Path, runs: int, assessors: int, images: int) -> None:
    store = Store(folder)
    puts = [seconds for number in range(runs) for seconds in put(store, number, assessors, images)]
    report("put, median", statistics.median(puts))
    report("put, 99th percentile", sorted(puts)[len(puts) * 99 // 100])
    report("first refresh", timed(store.refresh))
    for label, start in (("loose", runs), ("packed", runs + 10)):
        warm = [refresh_once(store, number, assessors, images) for number in range(start, start + 5)]
        report(f"refresh after one more run, {label}, same process, median", statistics.median(warm))
        cold = [in_new_process(folder, number, assessors, images) for number in range(start + 5, start + 10)]
        report(f"refresh after one more run, {label}, new process, median", statistics.median(cold))
        if label == "loose":
            report("compaction", timed(store.ledger.compact))
    report("refresh, nothing new", timed(store.refresh))
    report("refresh, rebuilding all", timed(lambda: store.refresh(rebuild=True)))
    measure_reading(folder)


def measure_reading(folder: Path) -> None:
    cube = open_cube(folder)
    report("opening", timed(lambda: open_cube(folder)))
    report("loading every variable", timed(cube.load))
    cube.percept.mean(by=["seed"])
    report(
        "group means over three factors",
        timed(lambda: cube.percept.mean(by=["discriminator", "fidelity_loss", "seed"])),
    )
    report(
        "table of mean, std, n over two factors",
        timed(lambda: cube.percept.table(by=["discriminator", "fidelity_loss"])),
    )


def kill(store: Store, rounds: int) -> int:
    """Kill a writer `rounds` times; 0 if every cube and every ledger was whole afterwards."""
    rng = random.Random(0)
    acknowledged = -1
    for turn in range(rounds):
        acknowledged = write_and_kill(store, acknowledged + 1, rng.random() * 0.1)
        problem = what_is_wrong(store, acknowledged + 1)
        if problem:
            print(f"round {turn + 1}: {problem}")
            return 1
    print(f"{rounds} kills, {acknowledged + 1} runs: every cube opened, every row was whole, nothing was lost")
    return 0


def write_and_kill(store: Store, start: int, delay: float) -> int:
    """Start a writer at run `start`, kill it `delay` seconds after its first run; returns the last that it acknowledged."""
    arguments = [sys.executable, __file__, "--writer", str(start), "--folder", str(store.root)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = int(process.stdout.readline())
    time.sleep(delay)
    process.kill()
    last = max([last, *map(int, process.stdout.read().split())])
    process.wait()
    return last


def write_for_ever(store: Store, number: int) -> None:
    while True:
        put(store, number, 3, 2)
        store.refresh()
        if number % 7 == 0:
            store.ledger.compact(max_bytes=40_000)
        print(number, flush=True)
        number += 1


def what_is_wrong(store: Store, runs: int) -> str:
    """Empty if the cube has at least so many runs, each with the scores that it wrote, and the ledger is whole."""
    import xarray as xr

    cube = xr.open_zarr(Path(store.root) / "cube.zarr", chunks=None).load()
    if cube.sizes["run"] < runs:
        return f"{cube.sizes['run']} of {runs} runs in the cube"
    for number, score, status in zip(cube["number"].values, cube["score"].values, cube["status"].values, strict=True):
        if status.any() and not np.array_equal(score, scores(int(number), *score.shape)):
            return f"run {number} has scores of another"
    if len(list(store.ledger.records("assessment"))) < runs or store.ledger.damaged:
        return f"records are lost or damaged: {store.ledger.damaged}"
    return ""


def put(store: Store, number: int, assessors: int, images: int) -> list[float]:
    """Store a run and its assessment; seconds that each took."""
    records = run(number), assessment(number, assessors, images)
    return [timed(partial(store.ledger.put, record)) for record in records]


def run(number: int) -> Record:
    factors: dict[str, Any] = {
        "generator": "edsr",
        "discriminator": ("none", "patch")[number % 2],
        "fidelity_loss": f"l1+0.{number // 2 % 10}*ms-ssim",
        "seed": number // 20,
        "number": number,
    }
    header = {
        "status": "ok",
        "reason": "",
        "created": _time(number),
        "seconds": 1.5,
        "recipe": "bench",
        "factors": factors,
    }
    return Record(
        "run", _key(number), header, {"curve/l1/step": np.arange(50), "curve/l1/value": np.full(50, number / 7)}
    )


def assessment(number: int, assessors: int, images: int) -> Record:
    facts = {"version": "0.1.0", "direction": "higher", "low": 0.0, "high": None, "reference": "full", "colour": "luma"}
    header = {
        "created": _time(number + 0.5),
        "seconds": 1.0,
        "assessors": [{"key": f"a{a}@1", "label": f"a{a}", "name": f"a{a}", **facts} for a in range(assessors)],
        "images": [_image(number, index) for index in range(images)],
        "reasons": {},
    }
    cells = scores(number, assessors, images)
    return Record("assessment", _key(number), header, {"score": cells, "status": np.ones(cells.shape, "u1")})


def scores(number: int, assessors: int, images: int) -> np.ndarray:
    """What run `number` was given."""
    return np.random.default_rng(number).random((assessors, images))


def refresh_once(store: Store, number: int, assessors: int, images: int) -> float:
    """Seconds that a refresh takes after run `number` was stored."""
    put(store, number, assessors, images)
    return timed(store.refresh)


def in_new_process(folder: Path, number: int, assessors: int, images: int) -> float:
    sizes = ["--assessors", str(assessors), "--images", str(images)]
    arguments = [sys.executable, __file__, "--once", str(number), "--folder", str(folder), *sizes]
    return float(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(what: str, seconds: float) -> None:
    print(f"{what:62s} {1000 * seconds:10.1f} ms", flush=True)


def _image(number: int, index: int) -> dict[str, Any]:
    names = {"reference": f"{_key(f'r{index}')}.png", "input": "", "output": f"{_key((number, index))}.png"}
    return {
        "id": f"photos/{index}",
        "dataset": "photos",
        "sha256": _key(f"r{index}"),
        "height": 512,
        "width": 512,
        **names,
    }


def _key(of: object) -> str:
    return hashlib.sha256(str(of).encode()).hexdigest()


def _time(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


@contextmanager
def _folder(given: str | None) -> Iterator[Path]:
    if given is not None:
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="percept-bench-") as folder:
        yield Path(folder) / "store"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--assessors", type=int, default=10)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--folder", help="keep the store here; otherwise a temporary folder is used")
    parser.add_argument("--kill", type=int, default=0, metavar="ROUNDS", help="kill a writer so many times instead")
    parser.add_argument("--writer", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--once", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
