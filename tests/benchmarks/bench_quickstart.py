"""The quickstart as users meet it: time, memory, gain over bicubic, and what doing it again costs.

python tests/benchmarks/bench_quickstart.py [--jobs 2]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from percept_store import open_cube

CODE = "from percept.cli import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder, "store"))
        seconds, peak = timed("recipe", "run", "quickstart", "--store", store, "--jobs", str(jobs))
        print(f"quickstart: {seconds:.1f} s, peak memory of all its processes together {peak:.2f} GiB")
        again, _ = timed("recipe", "run", "quickstart", "--store", store, "--jobs", str(jobs))
        print(f"the same again: {again:.2f} s")
        report, _ = timed("cube", "report", "--store", store, "--out", str(Path(folder, "report.html")))
        print(f"report: {report:.2f} s")
        timed("recipe", "run", "baseline", "--store", store)
        gains(store)


def timed(*arguments: str) -> tuple[float, float]:
    """(seconds, GiB) of one command; memory is the largest sum of resident sets over its process tree."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    _, stderr = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit(stderr.decode())
    return time.monotonic() - started, peak[0] / 2**30


def gains(store: str) -> None:
    """Print each run's PSNR less that of bicubic enlargement, image by image."""
    cube = open_cube(store)
    psnr = cube["score"].sel(assessor="psnr").load()
    bicubic = psnr.isel(run=(cube["generator"] == "bicubic").values).squeeze("run")
    for index in range(cube.sizes["run"]):
        if str(cube["generator"].values[index]) != "bicubic":
            label = f"{cube['fidelity_loss'].values[index]}, discriminator {cube['discriminator'].values[index]}"
            gain = psnr.isel(run=index) - bicubic
            print(
                f"{label}: "
                + ", ".join(f"{i} {float(g):+.2f} dB" for i, g in zip(cube["image"].values, gain, strict=True))
            )


def _watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _resident(process.pid))
        time.sleep(0.05)


def _resident(root: int) -> int:
    parents, sizes = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            parents[int(entry.name)] = int(fields[1])
            sizes[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return sum(size for pid, size in sizes.items() if _descends(pid, root, parents))


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid and pid != root:
        pid = parents.get(pid, 0)
    return pid == root


if __name__ == "__main__":
    main()
