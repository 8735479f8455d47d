from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import percept_store
import pytest


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("more", ["", "percept_store.StoreError, percept_store.Store, percept_store.Record"])
def test_importing_and_naming_load_nothing_heavy(more: str) -> None:
    heavy = (
        "{'numpy', 'xarray', 'zarr', 'pandas', 'numcodecs', 'flox', 'PIL', 'fsspec', 'safetensors', 'torch', 'percept'}"
    )
    assert python(f"import sys, percept_store\n{more}\nprint(sorted({heavy} & set(sys.modules)))") == "[]"


def test_a_refresh_needs_neither_xarray_nor_zarr(store: percept_store.Store, samples: object) -> None:
    store.ledger.put(samples.run(1))  # type: ignore[attr-defined]  # a fixture of conftest
    code = f"import sys, percept_store\npercept_store.Store({str(store.root)!r}).refresh()"
    assert python(f"{code}\nprint(sorted({{'xarray', 'zarr', 'pandas'}} & set(sys.modules)))") == "[]"


ELSEWHERE = """
import os, sys
sys.modules["fcntl"] = None
for name in ("pread", "O_CLOEXEC"):
    delattr(os, name)
import percept_store
store = percept_store.Store(sys.argv[1])
store.ledger.put(percept_store.Record("run", "0" * 64, {"status": "ok"}))
name = store.artefacts.put(b"weights", ".bin")
store.refresh()
print(store.ledger.compact(), len(list(store.ledger.records())), store.artefacts.read(name), store.ledger.damaged)
"""


def test_a_store_works_where_the_system_is_no_posix(tmp_path: Path) -> None:
    """As on Windows: without locks, pread and O_CLOEXEC."""
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, str(tmp_path / "s")], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("1 1 b'weights' []", "")


def test_the_accessor_comes_with_open_cube_and_by_itself(store: percept_store.Store, samples: object) -> None:
    store.ledger.put(samples.run(1))  # type: ignore[attr-defined]  # a fixture of conftest
    code = f"import percept_store\ncube = percept_store.open_cube({str(store.root)!r})\nprint(cube.percept.factors[0])"
    assert python(code) == "generator"
    assert python("import percept_store.accessor, xarray\nprint(hasattr(xarray.Dataset, 'percept'))") == "True"


def test_the_public_names_are_there_whatever_was_imported_first() -> None:
    assert set(percept_store.__all__) <= set(dir(percept_store))
    code = "import percept_store.queries, percept_store.exports, percept_store\nprint(percept_store.query.__name__)"
    assert python(code) == "query"
    with pytest.raises(AttributeError, match="no attribute 'cube_of'"):
        percept_store.cube_of  # noqa: B018  # the access is the test


def test_everything_public_says_what_it_does() -> None:
    for name in percept_store.__all__:
        thing = getattr(percept_store, name)
        assert thing.__doc__, name
        for member, method in inspect.getmembers(thing, inspect.isfunction):
            assert member.startswith("_") or method.__doc__, f"{name}.{member}"
