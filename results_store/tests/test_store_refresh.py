from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from percept_store import Store, open_cube
from percept_store.cube import build, refresh


def version(store: Store) -> str:
    return (Path(store.root) / "cube.zarr").readlink().name


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def rebuilds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever a whole cube is built."""
    counted: list[int] = []
    original = build.build

    def counting(*arguments: Any) -> None:
        counted.append(1)
        original(*arguments)

    monkeypatch.setattr(refresh, "build", counting)
    return counted


def test_nothing_new_means_no_new_version(store: Store, samples: Any) -> None:
    samples.fill(store, range(3))
    path = store.refresh()
    assert store.refresh() == path == Store(store.root).refresh()
    store.ledger.compact()
    assert store.refresh() == path


@pytest.mark.parametrize("cold", [False, True])
def test_one_more_run_is_appended(store: Store, samples: Any, rebuilds: list[int], cold: bool) -> None:
    samples.fill(store, range(3))
    store.refresh()
    samples.fill(store, range(3, 5))
    (Store(store.root) if cold else store).refresh()
    assert len(rebuilds) == 1
    cube = open_cube(store).load()
    assert cube["run"].values.tolist() == [samples.key(n) for n in range(5)]
    np.testing.assert_array_equal(cube["score"].values[4], samples.assessment(4).arrays["score"])


def test_scores_that_arrive_later_are_written_into_a_copy(store: Store, samples: Any, rebuilds: list[int]) -> None:
    samples.fill(store, range(3))
    store.ledger.put(samples.run(3))
    store.refresh()
    assert (open_cube(store)["status"].values[3] == 0).all()
    store.ledger.put(samples.assessment(3))
    store.ledger.put(samples.assessment(1, at=50, images=["photos/moon"], score=7))
    store.refresh()
    assert len(rebuilds) == 1
    cube = open_cube(store).load()
    assert (cube["status"].values == 1).all()
    assert cube["score"].values[1, :, 2].tolist() == [7, 7]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.assessment(0, at=99, assessors=["niqe"]),
        lambda s: s.assessment(0, at=99, images=["photos/new"]),
        lambda s: s.run(9, width=3),
        lambda s: s.run(9, seed="a"),
        lambda s: s.run(9, at=-1),
        lambda s: s.run(0, at=99, status="failed"),
        lambda s: s.membership(0, at=99, recipe="other", width=3),
    ],
    ids=["assessor", "image", "factor", "type", "order", "same run", "membership"],
)
def test_whatever_changes_another_coordinate_rebuilds(
    store: Store, samples: Any, rebuilds: list[int], change: Any
) -> None:
    samples.fill(store, range(3))
    store.refresh()
    store.ledger.put(change(samples))
    store.refresh()
    assert len(rebuilds) == 2


def test_an_update_leaves_every_byte_of_the_version_before(store: Store, samples: Any, rebuilds: list[int]) -> None:
    samples.fill(store, range(3))
    folder = Path(store.refresh())
    before = contents(folder)
    samples.fill(store, range(3, 6))
    store.ledger.put(samples.assessment(1, at=50, score=7))
    after = Path(store.refresh())
    assert len(rebuilds) == 1
    assert contents(folder) == before
    linked = [name for name in before if (after / name).samefile(folder / name)]
    assert "image/0" in linked
    assert "score/0.0.0" not in linked


def test_a_lazy_reader_keeps_its_version_over_one_more_refresh(store: Store, samples: Any) -> None:
    samples.fill(store, range(3))
    store.refresh()
    lazy = open_cube(store)
    samples.fill(store, range(3, 4))
    store.ledger.put(samples.assessment(0, at=50, assessors=["niqe"], score=7))
    store.refresh()
    expected = [samples.assessment(n).arrays["score"] for n in range(3)]
    np.testing.assert_array_equal(lazy["score"].values, expected)
    assert len(lazy.percept.curves()) == 12


def test_two_versions_are_kept(store: Store, samples: Any) -> None:
    for number in range(5):
        samples.fill(store, range(number, number + 1))
        store.refresh()
    names = {path.name for path in (Path(store.root) / "cubes").iterdir()}
    assert names == {"v4.zarr", "v4.index", "v5.zarr", "v5.index", "refresh.lock"}
    assert version(store) == "v5.zarr"


def test_what_a_killed_refresh_left_is_cleared_away(store: Store, samples: Any) -> None:
    samples.fill(store, range(2))
    store.refresh()
    cubes = Path(store.root) / "cubes"
    (cubes / ".draft-dead" / "score").mkdir(parents=True)
    (cubes / ".dead.tmp").write_bytes(b"half an index")
    (cubes / "v2.zarr").mkdir()
    samples.fill(store, range(2, 3))
    store.refresh()
    names = {path.name for path in cubes.iterdir()}
    assert names == {"v1.zarr", "v1.index", "v3.zarr", "v3.index", "refresh.lock"}


def test_a_failed_refresh_leaves_the_cube_and_no_draft(
    store: Store, samples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from percept_store import StoreError

    samples.fill(store, range(2))
    store.refresh()
    samples.fill(store, range(2, 3))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="no space left"):
        store.refresh()
    monkeypatch.undo()
    assert version(store) == "v1.zarr"
    assert not list(Path(store.root).glob("cubes/.draft*"))
    assert xr.open_zarr(Path(store.root) / "cube.zarr").sizes["run"] == 2
