"""The report: one HTML file that shows what a store holds."""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from percept_store.errors import StoreError

if TYPE_CHECKING:
    from percept_store import Store

__all__ = ["write_report"]


def write_report(store: Store | str | Path, path: str | Path) -> Path:
    """Write what `store` holds as one self-contained HTML page to `path`, and return that path.

    The page has the scores of every configuration (seeds averaged), the learning curves, distortion against quality,
    crops of the outputs side by side, failures with their reasons, and how the numbers came about. It loads nothing
    from anywhere, and equal stores give equal pages. The cube is refreshed first.

    Raises StoreError if the store is empty, if `path` cannot be written, or if the extra `percept-store[report]` is
    not installed.
    """
    _require("jinja2", "matplotlib")
    from percept_store import Store
    from percept_store.report.page import render
    from percept_store.report.source import read_source

    page = render(read_source(store if isinstance(store, Store) else Store(store)))
    return _write(Path(path), page)


def _require(*names: str) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            raise StoreError(f"report: {name} is not installed; pip install 'percept-store[report]'") from None


def _write(path: Path, page: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page, encoding="utf-8", errors="replace")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise StoreError(f"{path}: cannot write the report ({error.strerror}); choose another place") from None
    return path
