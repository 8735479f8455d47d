"""Properties: however records arrive, however often the cube is refreshed between, the same cube comes out."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from percept_store import Record, Store, open_cube
from percept_store.cube.blocks import Axes, cell_columns
from percept_store.cube.facts import Facts
from percept_store.ledger.record import address, decode, encode

RUNS, ASSESSORS, IMAGES = range(3), ("psnr", "ssim", "niqe"), ("cat", "cup", "sky")

slow = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def assessments(draw: st.DrawFn, samples: Any) -> Record:
    assessors = draw(st.lists(st.sampled_from(ASSESSORS), min_size=1, unique=True))
    images = draw(st.lists(st.sampled_from(IMAGES), min_size=1, unique=True))
    count = len(assessors) * len(images)
    status = np.reshape(
        draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), (len(assessors), len(images))
    )
    score = np.reshape(draw(st.lists(st.integers(0, 99), min_size=count, max_size=count)), status.shape)
    reasons = {f"{a},{i}": f"why {a} {i}" for a, i in np.argwhere(status > 1).tolist()}
    record: Record = samples.assessment(
        draw(st.sampled_from(RUNS)),
        at=draw(st.integers(10, 14)),
        assessors=assessors,
        images=images,
        score=score,
        status=status,
        reasons=reasons,
    )
    return record


@st.composite
def histories(draw: st.DrawFn, samples: Any) -> list[Record | None]:
    """Records in the order in which they are stored; None is a refresh."""
    runs = st.builds(
        samples.run,
        st.sampled_from(RUNS),
        at=st.integers(0, 5),
        status=st.sampled_from(["ok", "ok", "failed"]),
        width=st.sampled_from([..., 1, 0.5, "x", True]),
    )
    memberships = st.builds(
        samples.membership,
        st.sampled_from(RUNS),
        at=st.integers(0, 5),
        recipe=st.sampled_from("ab"),
        width=st.sampled_from([1, 2]),
    )
    tidy = st.builds(samples.assessment, st.sampled_from(RUNS), at=st.integers(10, 14))
    step = runs | memberships | tidy | assessments(samples) | st.none()
    return [samples.run(0), *draw(st.lists(step, max_size=12))]


def cube_of(store: Store) -> tuple[xr.Dataset, Any]:
    store.refresh()
    cube = open_cube(store)
    return cube.load().drop_attrs(deep=False), cube.percept.curves()


@slow
@given(data=st.data())
def test_any_history_of_refreshes_gives_what_one_build_gives(samples: Any, data: st.DataObject) -> None:
    history = data.draw(histories(samples))
    with tempfile.TemporaryDirectory() as folder:
        grown, built = Store(Path(folder) / "grown"), Store(Path(folder) / "built")
        for record in history:
            if record is None:
                grown.refresh()
            else:
                grown.ledger.put(record)
        for record in data.draw(st.permutations([r for r in history if r is not None])):
            built.ledger.put(record)
        (one, curves), (other, others) = cube_of(grown), cube_of(built)
        xr.testing.assert_identical(one, other)
        assert curves.equals(others)


def joined(samples: Any, records: list[Record]) -> tuple[Axes, dict[str, np.ndarray], list[str]]:
    """Axes, cells and runs of a cube of these assessments, without a disk."""
    facts, ledger = Facts(), Store("nowhere").ledger
    stored = [*map(samples.run, RUNS), *records]
    facts.add(ledger, [decode(data, address(data)) for data in map(encode, stored)])
    rows, axes = facts.rows(), Axes.of(facts.assessors, facts.images)
    assert ledger.damaged == []
    return axes, cell_columns(rows, axes), [row.key for row in rows]


@given(data=st.data())
@quick
def test_cells_join_as_the_rule_says(samples: Any, data: st.DataObject) -> None:
    records = data.draw(st.lists(assessments(samples), min_size=1, max_size=6))
    axes, cells, runs = joined(samples, data.draw(st.permutations(records)))
    expected = expected_cells(records, [address(encode(record)) for record in records])
    for run, assessor, image in np.ndindex(*cells["status"].shape):
        where = runs[run], axes.assessors[assessor]["label"], axes.images[image]["label"]
        status, score = expected.get(where, (0, 0.0))
        assert cells["status"][run, assessor, image] == status
        assert (
            (cells["score"][run, assessor, image] == score)
            if status == 1
            else np.isnan(cells["score"][run, assessor, image])
        )


@given(data=st.data())
@quick
def test_reasons_are_those_of_the_records_that_count(samples: Any, data: st.DataObject) -> None:
    records = data.draw(st.lists(assessments(samples), min_size=1, max_size=5))
    _, cells, _ = joined(samples, records)
    for status, text in zip(cells["status"], cells["cell_reasons"], strict=True):
        told = json.loads(text) if text else {}
        assert sum(map(len, told.values())) == int((status > 1).sum())


def expected_cells(records: list[Record], shas: list[str]) -> dict[tuple[str, ...], tuple[int, float]]:
    """ok beats anything, anything beats not_run, then the newest, then the greater address."""
    best: dict[tuple[str, ...], Any] = {}
    for record, sha in zip(records, shas, strict=True):
        for a, assessor in enumerate(record.header["assessors"]):
            for i, image in enumerate(record.header["images"]):
                status = int(record.arrays["status"][a, i])
                claim = (status == 1, status != 0, record.header["created"], sha)
                cell = record.key, assessor["label"], image["id"]
                if status and (cell not in best or claim > best[cell][0]):
                    best[cell] = claim, status, float(record.arrays["score"][a, i])
    return {cell: (status, score) for cell, (_, status, score) in best.items()}


@slow
@given(data=st.data())
def test_failed_cells_keep_the_reason_of_the_record_that_counts(samples: Any, data: st.DataObject) -> None:
    records = data.draw(st.lists(assessments(samples), min_size=1, max_size=5))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for number in RUNS:
            store.ledger.put(samples.run(number))
        for record in records:
            store.ledger.put(record)
        store.refresh()
        failures = open_cube(store).percept.failures()
        assert len(failures) == int((open_cube(store)["status"].values == 2).sum())
        assert failures["reason"].str.startswith("why").all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_records_of_one_moment_join_the_same_in_any_order(store: Store, samples: Any, order: tuple[int, int]) -> None:
    pair = [samples.assessment(0, at=5, score=score) for score in (1, 2)]
    store.ledger.put(samples.run(0))
    for place in order:
        store.ledger.put(pair[place])
    score = cube_of(store)[0]["score"].values
    assert len(np.unique(score)) == 1
    assert score[0, 0, 0] == max((store.ledger.put(record), record.arrays["score"][0, 0]) for record in pair)[1]
