"""How the report orders rows and writes numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="comes with the extra percept-store[report]")
pytest.importorskip("matplotlib", reason="comes with the extra percept-store[report]")

from percept_store.report.configurations import group
from percept_store.report.crops import _notations
from percept_store.report.natural import natural
from percept_store.report.notation import decimals, notation, number

from results_store.tests.test_report_parts import assessor, drawn_tables, run, source, two_studies


def test_rows_are_in_the_order_of_their_factors_whichever_finished_first() -> None:
    values = ["10", "2", "1e-05", "0.1", "Blur2", "blur10", "", "b"]
    sorted_values = ["", "1e-05", "0.1", "2", "10", "b", "Blur2", "blur10"]
    for order in (values, values[::-1], sorted(values)):
        runs = [run(n, level=value) for n, value in enumerate(order)]
        runs += [run(8, seed=10, level="b"), run(9, seed=2, level="b"), run(10, fidelity_loss="", level="z")]
        design = group(runs)
        (table,) = drawn_tables(runs)
        assert [row.configuration.factors["level"] for row in table.rows] == ["z", *sorted_values]
        assert design.values("level") == (*sorted_values, "z")
        assert [r.seed for r in design.configurations[6].runs] == ["0", "2", "10"]
        assert design.seeds == ("0", "2", "10")


@pytest.mark.parametrize(
    "ordered",
    [
        ["", "-2", "1e-05", "0.05", "0.1", "2", "10", "a"],
        ["l1+0.05*x", "l1+0.2*x", "l1+10*x", "L2", "ssim"],
        ["nan", "none"],
        ["A", "a", "B"],
    ],
)
def test_natural_order(ordered: list[str]) -> None:
    assert sorted(ordered, key=natural) == ordered
    assert sorted(ordered, key=natural, reverse=True)[::-1] == ordered


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        ([25.0, 32.0], 2),
        ([0.91, 0.96], 4),
        ([100.0, 2000.0], 0),
        ([5.0], 4),
        ([31.14282, 31.14703], 3),
        ([], 4),
        ([1.0, math.inf], 4),
    ],
)
def test_decimals(values: list[float], digits: int) -> None:
    assert decimals(values) == digits


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.234, "1.23"), (-0.5, "−0.50"), (math.inf, "∞"), (1e-5, "1.00e−05"), (0.0, "0.00"), (3.2e9, "3.20e+09")],
)
def test_number(value: float, text: str) -> None:
    assert number(value, 2) == text


@pytest.mark.parametrize(
    ("values", "bounds", "texts"),
    [
        ([0.062, 8.29e-6, 0.0], [8.29e-6], ["6.20e−02", "8.29e−06", "0"]),
        ([0.62, 8.29e-6, -8.29e-6], [0.62], ["0.620", "0.000", "0.000"]),
        ([0.99996, 0.99998, 0.5], [0.99998], ["0.99996", "0.99998", "0.50000"]),
        ([0.9999996, 0.9999998, 0.5], [0.9999998], ["1.000", "1.000", "0.500"]),
        ([0.000123, 0.0001234, 0.4], [0.000123], ["1.230e−04", "1.234e−04", "4.000e−01"]),
        ([36.3, 36.37], [], ["36.300", "36.370"]),
        ([math.inf, -math.inf, 3.0], [math.inf], ["∞", "−∞", "3.0000"]),
        ([2e8, 1.0], [2e8], ["2.00e+08", "1.00e+00"]),
        ([], [], []),
    ],
)
def test_a_column_has_one_notation_that_tells_its_best_apart(
    values: list[float], bounds: list[float], texts: list[str]
) -> None:
    found = notation(values, bounds)
    assert [found.text(value) for value in values] == texts


def test_what_is_written_like_the_best_is_marked_like_it() -> None:
    score = np.array([0.9999996, 0.9999998, 0.5])[:, None, None]
    rows = drawn_tables([run(n, level=str(n)) for n in range(3)], score=score)[0].rows
    assert [(row.cells[0].text, row.cells[0].best) for row in rows] == [
        ("1.000", True),
        ("1.000", True),
        ("0.500", False),
    ]


def test_what_is_written_like_the_best_of_all_tables_is_marked_like_it() -> None:
    score = np.array([0.99999999, 0.999999998, 0.3, 0.5])[:, None, None]
    cells = [row.cells[0] for table in drawn_tables(two_studies(), score=score) for row in table.rows]
    assert [(cell.best, cell.leads) for cell in cells] == [(True, True), (True, True), (False, False), (True, False)]


def test_what_is_partial_is_not_marked_like_the_best() -> None:
    status = [[[1, 2]], [[1, 1]], [[1, 1]]]
    (table,) = drawn_tables([run(n, level=str(n)) for n in range(3)], status, np.array([7.0, 7.0, 5.0])[:, None, None])
    assert [(row.cells[0].text, row.cells[0].best) for row in table.rows] == [
        ("7.00", False),
        ("7.00", True),
        ("5.00", False),
    ]


def test_captions_of_one_image_have_the_same_digits() -> None:
    runs = [run(n, level=str(n)) for n in range(3)]
    drawn = source(runs, [[[36.3]], [[36.37]], [[0.0]]], [[[1]], [[1]], [[2]]], assessor(0))
    found = _notations(drawn, 0, group(runs).configurations)
    assert [found[0].text(value) for value in (36.3, 36.37)] == ["36.300", "36.370"]
