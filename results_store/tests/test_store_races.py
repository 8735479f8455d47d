"""Several processes at once, and processes killed at any moment. The long form is tests/benchmarks/bench_store.py."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from percept_store import Store, open_cube

WRITER = """
import sys, hashlib, numpy as np
from percept_store import Record, Store
store, start, stop, mode = Store(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
for n in range(start, stop):
    key, at = hashlib.sha256(str(n).encode()).hexdigest(), f"2025-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z"
    about = {"status": "ok", "created": at, "seconds": 1.0, "recipe": "r", "factors": {"seed": n, "extra": n % 2}}
    store.ledger.put(Record("run", key, about, {"curve/l1/step": np.arange(3), "curve/l1/value": np.full(3, n / 7)}))
    assessors = [{"key": f"a{a}@1", "label": f"a{a}", "name": f"a{a}", "version": "1"} for a in range(2)]
    header = {"created": at, "assessors": assessors, "images": [{"id": "i", "sha256": "s"}, {"id": "j", "sha256": "t"}]}
    arrays = {"score": np.full((2, 2), float(n)), "status": np.ones((2, 2), "u1")}
    store.ledger.put(Record("assessment", key, header, arrays))
    if mode == "refresh" or n % 10 == 9:
        store.refresh()
    if n % 15 == 14:
        store.ledger.compact(max_bytes=20_000)
    print(n, flush=True)
"""


def writer(store: Store, start: int, stop: int, mode: str = "refresh") -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(store.root), str(start), str(stop), mode]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def check_whole(store: Store) -> int:
    """The cube opens as plain xarray opens it, and each row holds what its run wrote; returns the number of runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cube = xr.open_zarr(Path(store.root) / "cube.zarr", chunks=None).load()
    for seed, status, score in zip(cube["seed"].values, cube["status"].values, cube["score"].values, strict=True):
        assert (status == status[0, 0]).all()
        assert status[0, 0] in (0, 1)
        assert status[0, 0] == 0 or (score == seed).all()
    curves = open_cube(store).percept.curves()
    np.testing.assert_array_equal(np.unique(curves["value"]), np.unique(cube["seed"].values) / 7)
    return int(cube.sizes["run"])


def test_two_processes_lose_nothing(store: Store) -> None:
    processes = [writer(store, 0, 15), writer(store, 1000, 1015), writer(store, 2000, 2020, "put")]
    while any(process.poll() is None for process in processes):
        if (Path(store.root) / "cube.zarr").is_symlink():
            open_cube(store)
        time.sleep(0.02)
    assert [process.wait() for process in processes] == [0, 0, 0]
    store.refresh()
    assert check_whole(store) == 50
    assert (open_cube(store)["status"].values == 1).all()
    assert len(list(store.ledger.records())) == 100
    assert store.ledger.damaged == []


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_the_cube_opens_and_the_ledger_is_whole(store: Store, samples: Any, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged = -1
    for _ in range(2):
        process = writer(store, acknowledged + 1, acknowledged + 1000)
        assert process.stdout is not None
        for _ in range(2):
            acknowledged = int(process.stdout.readline())
        time.sleep(rng.random() * 0.05)
        process.kill()
        acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
        process.wait()
        assert check_whole(store) >= acknowledged + 1
        assert len(list(store.ledger.records("assessment"))) >= acknowledged + 1
        assert store.ledger.damaged == []
    store.refresh()
    runs = check_whole(store)
    assert runs == len(list(store.ledger.records("run")))
    assert not list(Path(store.root).glob("cubes/.draft*"))
