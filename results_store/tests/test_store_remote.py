"""A store behind an fsspec URL, with fsspec's own in-memory file system as the bucket."""

from __future__ import annotations

import uuid
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray as xr
from percept_store import Store, StoreError, open_cube
from percept_store.ledger.backend import open_backend


@pytest.fixture
def bucket() -> Store:
    return Store(f"memory://{uuid.uuid4().hex}/store")


def test_the_ledger_works_as_in_a_folder(bucket: Store, samples: Any) -> None:
    records = [samples.run(n) for n in range(5)]
    shas = {bucket.ledger.put(record) for record in [*records, records[0]]}
    assert {record.sha for record in bucket.ledger.records()} == shas
    assert bucket.ledger.compact() == 5
    assert {record.sha for record in Store(bucket.root).ledger.records("run")} == shas
    latest = bucket.ledger.latest("run", samples.key(3))
    assert latest is not None
    assert latest.header["factors"]["seed"] == 3
    assert list(fsspec.filesystem("memory").find(f"{bucket.root}/ledger/loose")) == []


def test_creating_never_overwrites(bucket: Store) -> None:
    backend = open_backend(bucket.root)
    assert backend.create("a/b", b"first")
    assert not backend.create("a/b", b"second")
    assert backend.read("a/b") == b"first"
    assert backend.read_range("a/b", 1, 2) == b"ir"
    with pytest.raises(FileNotFoundError):
        backend.read("a/c")


def test_damage_is_reported_and_mended(bucket: Store, samples: Any) -> None:
    record = samples.run(1)
    sha = bucket.ledger.put(record)
    bucket.ledger.put(samples.run(2))
    (name,) = (name for name in open_backend(bucket.root).names("ledger") if sha in name)
    open_backend(bucket.root).replace(name, b"half")
    assert len(list(bucket.ledger.records())) == 1
    assert len(bucket.ledger.damaged) == 1
    bucket.ledger.put(record)
    assert len(list(bucket.ledger.records())) == 2


def test_the_cube_equals_that_of_a_folder(bucket: Store, store: Store, samples: Any) -> None:
    for place in (bucket, store):
        samples.fill(place, range(3))
        place.refresh()
        samples.fill(place, range(3, 4))
        place.refresh()
    one, other = open_cube(bucket.root), open_cube(store)
    xr.testing.assert_identical(one.load().drop_attrs(deep=False), other.load().drop_attrs(deep=False))
    assert one.percept.curves().equals(other.percept.curves())


def test_versions_are_numbered_kept_and_dropped(bucket: Store, samples: Any) -> None:
    for number in range(4):
        samples.fill(bucket, range(number, number + 1))
        bucket.refresh()
        assert bucket.refresh() == f"{bucket.root}/cubes/v{number + 1}.zarr"
    names = open_backend(bucket.root).names("cubes")
    assert {name.split("/")[1].split(".")[0] for name in names} == {"v3", "v4", "current"}


def test_two_refreshers_never_share_a_number(bucket: Store, samples: Any) -> None:
    samples.fill(bucket, range(2))
    bucket.refresh()
    open_backend(bucket.root).create("cubes/v2.index", b"claimed by someone else")
    samples.fill(bucket, range(2, 3))
    assert bucket.refresh() == f"{bucket.root}/cubes/v3.zarr"
    assert open_cube(bucket).sizes["run"] == 3


def test_artefacts_work_but_have_no_paths(bucket: Store) -> None:
    image = np.arange(48, dtype="u1").reshape(4, 4, 3)
    name = bucket.artefacts.put_image(image)
    np.testing.assert_array_equal(bucket.artefacts.read_image(name), image)
    with pytest.raises(StoreError, match="no local paths"):
        bucket.artefacts.path(name)


@pytest.mark.parametrize("url", ["nonsense://x/y", "nonsense+more://x"])
def test_an_unknown_protocol_is_a_clear_error(url: str) -> None:
    with pytest.raises(StoreError, match="://"):
        Store(url)


def test_a_file_url_is_a_folder(tmp_path: Any) -> None:
    assert Store(f"file://{tmp_path}/s").root == tmp_path / "s"
