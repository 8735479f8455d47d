"""What it is worth that freed memory stays with the process: metrics on one photograph, with and without.

python -m tests.benchmarks.bench_memory
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

METRICS = ("ssim-rgb", "fsim", "nlpd", "mad")
CALLS = 15


def main() -> None:
    for kept in (False, True, False, True):
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, "kept" if kept else "returned"],
            capture_output=True,
            text=True,
            check=True,
        )
        print(f"{'kept' if kept else 'returned'}: {done.stdout.strip()}")


def measure(kept: bool) -> None:
    import resource

    import percept
    import percept.registry
    import torch

    from tests.benchmarks.peers.subject import pair

    torch.set_num_threads(1)
    if not kept:
        vars(percept.registry)["keep_freed_memory"] = lambda: None
    output, target = pair()
    for name in METRICS:
        loss = percept.fidelity_loss(name)
        times = []
        for _ in range(1 + CALLS):
            start = time.thread_time()
            leaf = output.clone().requires_grad_()
            torch.autograd.grad(loss(leaf, target).sum(), leaf)
            times.append(time.thread_time() - start)
        print(f"{name} {1e3 * median(times[1:]):.1f} ms", end=", ")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    measure(sys.argv[1] == "kept") if len(sys.argv) > 1 else main()
