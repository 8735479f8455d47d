from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from percept_store import Record, Store, StoreError
from percept_store.ledger.record import DamagedError, address, decode, encode

KEY = "ab" * 32

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
number_arrays = hnp.arrays(
    dtype=st.sampled_from(["?", "u1", "i1", "<i2", "<f2", ">f4", "<i4", "<f8", ">i8", "<u8"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


def loose(store: Store) -> list[Path]:
    return sorted(Path(store.root).glob("ledger/loose/*/*.safetensors"))


@settings(max_examples=60, deadline=None)
@given(
    header=st.dictionaries(st.text(max_size=6).filter(lambda name: name != "created"), json_values, max_size=4),
    arrays=st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda n: n != "__metadata__"), number_arrays, max_size=3
    ),
)
def test_record_survives_and_its_bytes_depend_on_its_content_alone(
    header: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    data = encode(Record("run", KEY, header, arrays))
    turned = Record("run", KEY, dict(reversed(header.items())), dict(reversed(arrays.items())))
    assert encode(turned) == data
    back = decode(data, address(data))
    assert (back.kind, back.key, back.header) == ("run", KEY, header)
    assert back.arrays.keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(back.arrays[name], values)
        assert back.arrays[name].dtype == values.dtype.newbyteorder("<")


@settings(max_examples=50, deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True), flip=st.floats(0, 1, exclude_max=True))
def test_any_cut_and_any_flipped_bit_is_noticed(cut: float, flip: float) -> None:
    data = encode(Record("run", KEY, {"status": "ok"}, {"x": np.arange(20.0)}))
    with pytest.raises(DamagedError, match="cut short"):
        decode(data[: int(cut * len(data))], address(data))
    spoilt = bytearray(data)
    spoilt[int(flip * len(data))] ^= 4
    with pytest.raises(DamagedError):
        decode(bytes(spoilt), address(data))


def test_safetensors_itself_reads_a_record(store: Store) -> None:
    from safetensors.numpy import load_file

    store.ledger.put(Record("run", KEY, {}, {"x": np.arange(3.0)}))
    np.testing.assert_array_equal(load_file(loose(store)[0])["x"], [0, 1, 2])


def test_views_are_stored_as_they_look(store: Store) -> None:
    grid = np.arange(12.0).reshape(3, 4)
    store.ledger.put(Record("run", KEY, {}, {"turned": grid.T, "part": grid[:, ::2], "point": np.array(3.0)}))
    (back,) = store.ledger.records()
    np.testing.assert_array_equal(back.arrays["turned"], grid.T)
    np.testing.assert_array_equal(back.arrays["part"], grid[:, ::2])
    assert back.arrays["point"].shape == ()


def test_nothing_is_created_before_the_first_write(store: Store) -> None:
    assert list(store.ledger.records()) == []
    assert store.ledger.latest("run", KEY) is None
    assert not Path(store.root).exists()


def test_equal_records_are_one_file_of_that_name(store: Store) -> None:
    record = Record("run", KEY, {"a": 1}, {"x": np.arange(3)})
    sha = store.ledger.put(record)
    assert store.ledger.put(Record("run", KEY, {"a": 1}, {"x": np.arange(3)})) == sha
    (file,) = loose(store)
    assert address(file.read_bytes()) == sha == file.name.split(".")[0]
    (back,) = store.ledger.records("run")
    assert back.sha == sha
    assert back.header == {"a": 1}


def test_damaged_records_are_reported_and_the_others_go_on(store: Store) -> None:
    for number in range(4):
        store.ledger.put(Record("run", f"{number:064x}", {"n": number}, {"x": np.arange(50)}))
    cut, emptied, spoilt, _ = sorted(loose(store))
    cut.write_bytes(cut.read_bytes()[:-7])
    emptied.write_bytes(b"")
    spoilt.write_bytes(spoilt.read_bytes()[:-1] + b"\xff")
    assert len(list(store.ledger.records())) == 1
    reasons = {Path(path).name: reason for path, reason in store.ledger.damaged}
    assert reasons.keys() == {cut.name, emptied.name, spoilt.name}
    assert reasons[cut.name].startswith("cut short: ")
    assert reasons[emptied.name].startswith("cut short: 0 of")
    assert "not what was stored" in reasons[spoilt.name]
    assert all("\n" not in reason for reason in reasons.values())
    assert len(list(store.ledger.records())) == 1
    assert len(store.ledger.damaged) == 3


def test_storing_again_mends_a_damaged_record(store: Store) -> None:
    record = Record("run", KEY, {"a": 1})
    store.ledger.put(record)
    loose(store)[0].write_bytes(b"half")
    assert store.ledger.latest("run", KEY) is None
    store.ledger.put(record)
    assert store.ledger.latest("run", KEY) is not None
    assert store.ledger.damaged == []


@pytest.mark.parametrize("packed", [False, True])
def test_latest_prefers_ok_then_the_newest(store: Store, packed: bool) -> None:
    headers = [
        {"status": "ok", "created": "2025-01-01T10:00:00Z", "n": 0},
        {"status": "ok", "created": "2025-01-01T12:00:00+01:00", "n": 1},
        {"status": "ok", "created": "2025-01-01T11:00:00.5Z", "n": 2},
        {"status": "failed", "created": "2025-01-02T00:00:00Z", "n": 3},
    ]
    for header in headers:
        store.ledger.put(Record("run", KEY, header))
    store.ledger.put(Record("run", "cd" * 32, {"created": "2026-01-01T00:00:00Z"}))
    store.ledger.put(Record("assessment", KEY, {"created": "2026-01-01T00:00:00Z"}))
    if packed:
        store.ledger.compact()
    latest = store.ledger.latest("run", KEY)
    assert latest is not None
    assert latest.header["n"] == 2


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (lambda: Record("Run", KEY, {}), "kind"),
        (lambda: Record("run", "../x", {}), "key"),
        (lambda: Record("run", KEY, {"created": "yesterday"}), "ISO-8601"),
        (lambda: encode(Record("run", KEY, {"x": float("nan")})), "not JSON"),
        (lambda: encode(Record("run", KEY, {"x": np.float32(1)})), "not JSON"),
        (lambda: encode(Record("run", KEY, {}, {"x": np.array(["a"])})), "use numbers"),
        (lambda: encode(Record("run", KEY, {}, {"x": np.array([1j])})), "use numbers"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_one_line(record: Any, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        record()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("where", ["fsync", "link"])
def test_a_full_disk_leaves_what_was_there(store: Store, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    store.ledger.put(Record("run", KEY, {"n": 0}))
    before = [(path, path.read_bytes()) for path in loose(store)]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, where, full)
    with pytest.raises(StoreError, match="no space left"):
        store.ledger.put(Record("run", KEY, {"n": 1}))
    monkeypatch.undo()
    files = [path for path in Path(store.root).rglob("*") if path.is_file()]
    assert [(path, path.read_bytes()) for path in files] == before


def test_a_file_system_without_hard_links_will_do(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    store.ledger.put(Record("run", KEY, {"n": 1}))
    assert [record.header for record in store.ledger.records()] == [{"n": 1}]
    assert not list(Path(store.root).rglob(".*"))


def test_strangers_among_the_files_are_ignored(store: Store) -> None:
    store.ledger.put(Record("run", KEY, {"n": 1}))
    folder = loose(store)[0].parent
    (folder / ".0123.tmp").write_bytes(b"half a record")
    (folder / "notes.txt").write_text("mine")
    (folder.parent / "README.md").write_text("mine, too")
    assert len(list(store.ledger.records())) == 1
    assert store.ledger.damaged == []
