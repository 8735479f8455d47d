"""The command: see the package's docstring."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# As percept's workers have it: threads that wait for a long time would be measured, where other programs run.
for variable, value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}.items():
    os.environ.setdefault(variable, value)

from tests.benchmarks.peers import clock, memory  # noqa: E402  # torch reads the environment when it is imported
from tests.benchmarks.peers.catalogue import CATALOGUE  # noqa: E402
from tests.benchmarks.peers.libraries import PEERS, AbsentError, library  # noqa: E402
from tests.benchmarks.peers.subject import PERCEPT, Subject, installed, pair, subject  # noqa: E402
from tests.benchmarks.peers.table import Prepared, Row, markdown  # noqa: E402

WHAT = {"forward": "forward", "backward": "forward and backward"}


def main() -> None:
    given = _arguments()
    present = [name for name in PEERS if _is_present(name)]
    rows: list[Row] = []
    prepared: list[Prepared] = []
    for metric in given.only or CATALOGUE:
        if metric not in installed():
            _say(f"{metric}: not installed, left out")
            continue
        subjects = _subjects(metric, present)
        if PERCEPT not in subjects:
            continue
        found = _times(metric, subjects, given.threads, given.rounds)
        if given.memory and memory.AVAILABLE:
            found += _memory(metric, list(subjects))
        rows += found
        if subjects[PERCEPT].assessor is not None and CATALOGUE[metric].prepares:
            each, once = clock.prepared(subjects[PERCEPT], *pair(), given.rounds)
            prepared.append(Prepared(metric, each.cpu, once.cpu))
        _say(markdown(found, [one for one in prepared if one.metric == metric]))
        _write(given, rows, prepared)
    print(markdown(rows, prepared))


def _times(metric: str, subjects: dict[str, Subject], threads: list[int], rounds: int) -> list[Row]:
    entry, images, rows = CATALOGUE[metric], pair(), []
    for number, what in ((n, w) for n in threads for w in WHAT):
        calls = {name: getattr(one, what)(*images) for name, one in subjects.items()}
        calls = {name: call for name, call in calls.items() if call is not None}
        if PERCEPT not in calls:
            continue
        times = clock.interleaved(calls, rounds, number)
        values = {name: t.cpu if number == 1 else t.wall for name, t in times.items()}
        limit = entry.limit if entry.absolute is None else entry.absolute[list(WHAT).index(what)]
        title = f"{WHAT[what]}, {number} thread{'s' if number > 1 else ''}"
        rows.append(Row(metric, title, "ms", values, limit, entry.absolute is not None))
    return rows


def _memory(metric: str, names: list[str]) -> list[Row]:
    found: dict[str, dict[str, float]] = {}
    for name in names:
        try:
            found[name] = memory.peaks(metric, name)
        except AbsentError as error:
            _say(f"{metric}: memory of {name} not measured: {error}")
    rows = []
    for what, title in WHAT.items():
        values = {name: peaks[what] for name, peaks in found.items() if what in peaks}
        if PERCEPT in values:
            rows.append(Row(metric, f"peak memory, {title}", "MiB", values, 1.0))
    return rows


def _subjects(metric: str, present: list[str]) -> dict[str, Subject]:
    """Those libraries that can be measured; why others cannot is said."""
    found = {}
    for name in (PERCEPT, *(peer for peer in present if peer in CATALOGUE[metric].peers)):
        try:
            tried = subject(metric, name)
        except AbsentError as error:
            _say(f"{metric}: absent in {name}: {error}")
            continue
        if _runs(f"{metric}: {name}", tried.forward(*pair())):
            small = tried.backward(*pair(*memory.SMALLER))
            sound = small is None or _runs(f"{metric}: the gradient of {name}", small)
            found[name] = tried if sound else dataclasses.replace(tried, loss=None)
    return found


def _runs(what: str, call: Callable[[], None]) -> bool:
    try:
        call()
    except Exception as error:
        _say(f"{what} does not run: {' '.join(str(error).split())[:160]}")
        return False
    return True


def _is_present(name: str) -> bool:
    try:
        library(name)
    except AbsentError as error:
        _say(f"absent: {error}")
        return False
    return True


def _write(given: argparse.Namespace, rows: list[Row], prepared: list[Prepared]) -> None:
    """After every metric, so that a run that is ended early leaves what it measured."""
    if given.json:
        facts: dict[str, Any] = {
            "rows": [{**dataclasses.asdict(row), "ratio": row.ratio, "kept": row.kept} for row in rows],
            "prepared": [{**dataclasses.asdict(one), "kept": one.kept} for one in prepared],
        }
        given.json.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    if given.out:
        given.out.write_text(markdown(rows, prepared), "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    names = lambda text: text.split(",")  # noqa: E731  # what argparse takes for a type
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2])
    parser.add_argument("--only", type=names, help="metrics, with commas between them")
    parser.add_argument("--rounds", type=int, default=9, help="slow libraries get fewer")
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--out", type=Path, help="write the tables to this file, as Markdown")
    given = parser.parse_args()
    unknown = [name for name in given.only or () if name not in CATALOGUE]
    if unknown:
        parser.error(f"unknown metric {unknown[0]}; there are {', '.join(CATALOGUE)}")
    return given


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
