"""The comparison with other libraries: what is compared, how it is timed, and when a limit is kept. No peer is needed."""

from __future__ import annotations

import pytest
from percept.registry import registry

from tests.benchmarks.peers.catalogue import CATALOGUE
from tests.benchmarks.peers.clock import interleaved
from tests.benchmarks.peers.libraries import PEERS, AbsentError, library
from tests.benchmarks.peers.subject import PERCEPT, pair, subject
from tests.benchmarks.peers.table import Prepared, Row, markdown


def test_every_assessor_without_weights_is_compared() -> None:
    names = {c.spec.name for c in registry().components("assessor") if not c.spec.weights}
    assert names - set(CATALOGUE) == set()
    assert {peer for entry in CATALOGUE.values() for peer in entry.peers} == set(PEERS)


def test_what_is_absent_is_said() -> None:
    with pytest.raises(AbsentError, match="no_such_library cannot be imported: ModuleNotFoundError"):
        library("no_such_library")
    with pytest.raises(AbsentError, match="piq has no cw-ssim"):
        subject("cw-ssim", "piq")


def test_calls_take_turns_and_quick_ones_are_repeated() -> None:
    seen: list[str] = []
    times = interleaved({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, rounds=3, threads=1)
    assert {name: time.rounds for name, time in times.items()} == {"a": 3, "b": 3}
    assert seen.count("a") > 100
    turns = [name for i, name in enumerate(seen) if i == 0 or seen[i - 1] != name]
    assert turns == ["a", "b", "a", "b", "a", "b"]  # once each, then three rounds, each led by another


def test_percept_is_measured_in_both_lives() -> None:
    measured = subject("gmsd", PERCEPT)
    output, target = pair(48, 64)
    measured.forward(output, target)()
    backward = measured.backward(output, target)
    assert backward is not None
    backward()
    assert measured.assessor is not None
    assert subject("entropy", PERCEPT).backward(output, target) is None


def row(percept: float, limit: float | None = 0.5, absolute: bool = False, **peers: float) -> Row:
    return Row("ssim", "forward", "ms", {PERCEPT: percept, **peers}, limit, absolute)


def test_limits_are_of_the_best_peer_or_absolute() -> None:
    assert row(1, piq=2, piqa=4).ratio == 0.5
    assert row(1, piq=2, piqa=4).kept is True
    assert row(1, piq=1.9, piqa=4).kept is False
    assert row(1).kept is None
    assert row(1, None, piq=2).kept is None
    assert row(9, 10, absolute=True).kept is True
    assert row(11, 10, absolute=True, piq=100).kept is False
    assert Prepared("ssim", 1.6, 1).kept
    assert not Prepared("ssim", 1.5, 1).kept


def test_tables_say_what_is_kept() -> None:
    text = markdown([row(1, piq=2.5), row(11, 10, absolute=True)], [Prepared("ssim", 3, 2)])
    assert "| ssim | forward, ms | 1 | – | 2.5 | – | – | 0.40 | ≤ 0.5 | yes |" in text
    assert "| ssim | forward, ms | 11 | – | – | – | – | – | ≤ 10 ms | **no** |" in text
    assert "| ssim | 3 | 2 | 1.50 | ≥ 1.6 | **no** |" in text
