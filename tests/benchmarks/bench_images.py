"""Training images in memory and in mapped files: seconds and memory until the first batch, and for each batch.

    python -m tests.benchmarks.bench_images [--count 20] [--width 2040] [--height 1404]

Photographs, enlarged to that size, with a little noise, as PNG; ×4 bicubic, batches of 12 patches of 256, one thread. The
system's cache of files is warm throughout.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import percept
import torch
from percept.images import to_uint8
from percept.training.degrade import Chain
from percept.training.items import Keep, in_memory
from percept.training.kept import InFiles
from percept.training.patches import PatchSampler
from PIL import Image
from torch.nn import functional

BATCHES = 20


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        images, kept = Path(folder, "images"), InFiles(Path(folder, "kept"))
        _make(images, options)
        print(f"{options.count} images of {options.width}×{options.height}, an image or a batch:")
        for name, keep in (("disk, first", kept), ("disk, then", kept), ("memory", in_memory)):
            _measure(name, images, keep)


def _measure(name: str, images: Path, keep: Keep) -> None:
    dataset = percept.dataset("folder", path=str(images))
    chain = Chain([percept.degradation("bicubic", scale=4)], stochastic=False)
    before, started = _memory(), time.perf_counter()
    sampler = PatchSampler(dataset, chain, 256, 12, True, 0, keep=keep)
    ready = (time.perf_counter() - started) / len(dataset)
    own = (_memory() - before) / len(dataset)
    sampler.next()
    started = time.perf_counter()
    for _ in range(BATCHES):
        sampler.next()
    batch = (time.perf_counter() - started) / BATCHES
    print(f"{name:12} {ready * 1000:7.2f} ms to be ready, {own:5.2f} MB of this process; {batch * 1000:.1f} ms a batch")


def _make(folder: Path, options: argparse.Namespace) -> None:
    folder.mkdir()
    photos, rng = percept.dataset("photos", split="train"), torch.Generator().manual_seed(0)
    for number in range(options.count):
        photo = photos[number % len(photos)].target[None]
        large = functional.interpolate(photo, (options.height, options.width), mode="bicubic")[0]
        noisy = (large + 0.02 * torch.randn(large.shape, generator=rng)).clamp(0, 1)
        Image.fromarray(to_uint8(noisy)).save(folder / f"{number}.png")


def _memory() -> float:
    """Megabytes that are this process's own: what is mapped from files is not."""
    fields = Path("/proc/self/statm").read_text("utf-8").split()
    return (int(fields[1]) - int(fields[2])) * resource.getpagesize() / 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--width", type=int, default=2040)
    parser.add_argument("--height", type=int, default=1404)
    return parser.parse_args()


if __name__ == "__main__":
    main()
