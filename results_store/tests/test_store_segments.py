from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from percept_store import Record, Store
from percept_store.ledger.segments import encode_segment


def put(store: Store, numbers: range) -> set[str]:
    return {store.ledger.put(Record("run", f"{n:064x}", {"n": n}, {"x": np.full(20, n)})) for n in numbers}


def found(store: Store) -> set[str]:
    return {record.sha for record in store.ledger.records()}


def files(store: Store, pattern: str) -> list[Path]:
    return sorted(Path(store.root).glob(f"ledger/{pattern}"))


def test_compaction_keeps_every_record_in_bounded_segments(store: Store) -> None:
    shas = put(store, range(50))
    size = files(store, "loose/*/*")[0].stat().st_size
    assert store.ledger.compact(max_bytes=10 * size) == 50
    assert files(store, "loose/*/*") == []
    assert len(files(store, "segments/*")) == 5
    assert max(path.stat().st_size for path in files(store, "segments/*")) < 16 * size
    assert found(store) == found(Store(store.root)) == shas
    assert store.ledger.damaged == []


def test_small_segments_are_merged_and_large_ones_left_alone(store: Store) -> None:
    shas = put(store, range(10))
    store.ledger.compact()
    (first,) = files(store, "segments/*")
    shas |= put(store, range(10, 14))
    store.ledger.compact()
    (merged,) = files(store, "segments/*")
    assert merged != first
    shas |= put(store, range(14, 16))
    store.ledger.compact(max_bytes=merged.stat().st_size)
    assert merged in files(store, "segments/*")
    assert len(files(store, "segments/*")) == 2
    assert found(store) == shas


def test_a_record_larger_than_the_bound_gets_its_own_segment(store: Store) -> None:
    shas = put(store, range(3))
    assert store.ledger.compact(max_bytes=1) == 3
    assert len(files(store, "segments/*")) == 3
    assert found(store) == shas


def test_the_same_record_loose_and_packed_counts_once(store: Store) -> None:
    shas = put(store, range(4))
    store.ledger.compact(max_bytes=1)
    assert put(store, range(4)) == shas
    assert len(list(store.ledger.records())) == 4
    assert store.ledger.compact(max_bytes=1) == 4
    assert files(store, "loose/*/*") == []
    assert len(files(store, "segments/*")) == 4


def test_compacting_twice_changes_nothing(store: Store) -> None:
    put(store, range(4))
    store.ledger.compact()
    before = files(store, "segments/*")
    assert store.ledger.compact() == 0
    assert files(store, "segments/*") == before


def test_a_cut_segment_loses_only_what_was_cut(store: Store) -> None:
    put(store, range(20))
    store.ledger.compact()
    (segment,) = files(store, "segments/*")
    data = segment.read_bytes()
    segment.write_bytes(data[: len(data) - len(data) // 4])
    again = Store(store.root)
    kept = len(found(again))
    assert 10 <= kept < 20
    assert len(again.ledger.damaged) == 20 - kept
    assert all("at byte" in path for path, _ in again.ledger.damaged)


@pytest.mark.parametrize("length", [0, 5, 16, 300])
def test_a_segment_with_a_damaged_index_is_reported_and_the_rest_goes_on(store: Store, length: int) -> None:
    put(store, range(8))
    store.ledger.compact()
    (segment,) = files(store, "segments/*")
    segment.write_bytes(segment.read_bytes()[:length])
    other = put(store, range(100, 103))
    again = Store(store.root)
    assert found(again) == other
    assert [reason.split(";")[0] for _, reason in again.ledger.damaged] == ["the index of this segment is damaged"]


def test_compaction_leaves_damaged_files_to_whoever_can_mend_them(store: Store) -> None:
    shas = put(store, range(5))
    victim = files(store, "loose/*/*")[0]
    victim.write_bytes(b"x")
    assert store.ledger.compact() == 4
    assert files(store, "loose/*/*") == [victim]
    assert len(found(store)) == 4
    put(store, range(5))
    assert found(store) == shas


def test_a_segments_name_does_not_depend_on_the_order_of_its_records() -> None:
    records = [(f"{n:064x}", "run", "k", bytes([n])) for n in range(5)]
    assert encode_segment(records) == encode_segment(reversed(records))


def test_only_old_temporary_files_are_swept(store: Store) -> None:
    put(store, range(2))
    folder = files(store, "loose/*/*")[0].parent
    old, new = folder / ".aaaa.tmp", folder / ".bbbb.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    store.ledger.compact()
    assert not old.exists()
    assert new.exists()


def test_what_killed_writers_of_artefacts_left_is_swept_too(store: Store) -> None:
    kept = store.artefacts.path(store.artefacts.put(b"weights", ".safetensors"))
    half = kept.parent / ".cccc.tmp"
    half.write_bytes(b"wei")
    store.ledger.compact()
    assert half.exists(), "its writer may be at work"
    store.ledger.compact(stale_seconds=-1)
    assert not half.exists()
    assert kept.exists()


def test_readers_see_every_record_while_others_compact_and_write(store: Store) -> None:
    shas = put(store, range(60))
    stop = threading.Event()
    failures: list[BaseException] = []

    def churn(start: int) -> None:
        try:
            mine = Store(store.root)
            for n in range(start, start + 40):
                put(mine, range(n, n + 1))
                if n % 8 == 0:
                    mine.ledger.compact(max_bytes=8000)
        except BaseException as error:
            failures.append(error)
        finally:
            stop.set()

    threads = [threading.Thread(target=churn, args=(start,)) for start in (1000, 2000)]
    for thread in threads:
        thread.start()
    while not stop.is_set():
        reader = Store(store.root)
        assert shas <= found(reader)
        assert reader.ledger.damaged == []
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(found(store)) == 140
