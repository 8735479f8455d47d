"""Decoding in the background: the next files are read while the last one is judged."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from torch import Tensor

from percept.errors import ImageError
from percept.images import read_image

DEPTH = 2


def decoded(paths: Iterable[Path]) -> Generator[Tensor | ImageError, None, None]:
    """(1, 3, H, W) of each file in turn, or why there is none; at most `DEPTH` wait to be asked for."""
    rest = iter(paths)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as pool:
        waiting = deque(pool.submit(_read, path) for path in islice(rest, DEPTH))
        while waiting:
            image = waiting.popleft().result()
            waiting.extend(pool.submit(_read, path) for path in islice(rest, 1))
            yield image


def _read(path: Path) -> Tensor | ImageError:
    try:
        return read_image(path)[None]
    except ImageError as error:
        return error
