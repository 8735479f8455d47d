"""The report's parts: what counts as one configuration, how scores are summed up, where crops are taken."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="comes with the extra percept-store[report]")
pytest.importorskip("matplotlib", reason="comes with the extra percept-store[report]")

from percept_store.report.columns import fixed
from percept_store.report.configurations import group
from percept_store.report.curves import binned, curves
from percept_store.report.page import alike, varied
from percept_store.report.palette import encode
from percept_store.report.provenance import commands, facts, failures
from percept_store.report.region import choose
from percept_store.report.scores import Table, tables
from percept_store.report.source import Assessor, Run, Source, as_text


def run(index: int, seed: int = 0, recipe: str = "r", ok: bool = True, **factors: str) -> Run:
    factors = {"generator": "edsr", "discriminator": "none", "fidelity_loss": "l1", **factors}
    reason = "" if ok else "ran out of memory"
    return Run(
        index,
        f"{index:064x}",
        ok,
        reason,
        recipe,
        (recipe,),
        str(seed),
        "2026-01-01",
        1.0,
        factors,
        {"provenance": {"torch": "2.13"}},
        {},
    )


def assessor(index: int, name: str = "psnr", higher: bool = True, reference: str = "full") -> Assessor:
    return Assessor(index, name, f"{name}@1", name, "1", higher, 0.0, math.inf, reference, "rgb", "")


def source(runs: list[Run], score: Any, status: Any, *assessors: Assessor, **reasons: str) -> Source:
    score = np.asarray(score, float)
    empty = np.full((len(runs), score.shape[2]), "", dtype=object)
    images = tuple(f"i{n}" for n in range(score.shape[2]))
    said = {(runs[0].key, "psnr", image): reason for image, reason in reasons.items()}
    return Source(
        tuple(runs), assessors or (assessor(0),), images, score, np.asarray(status), empty, empty,
        np.full(len(images), "", dtype=object), said, "1", "store", lambda name: b"",
    )  # fmt: skip


def test_seeds_share_a_configuration_and_baselines_come_first() -> None:
    design = group([run(0, 0), run(1, 1), run(2, 0, generator="bicubic", fidelity_loss="")])
    assert [(c.name, [r.index for r in c.runs]) for c in design.configurations] == [
        ("bicubic", [2]),
        ("edsr · l1", [0, 1]),
    ]
    assert design.varied == ("generator", "fidelity_loss")
    assert varied(design) == [("generator", "bicubic, edsr")]
    assert alike(design) == [("fidelity_loss", "l1")], "where it applies, it does not vary"


def test_what_one_value_has_is_not_said_to_vary() -> None:
    runs = [run(0, discriminator="", fidelity_loss=""), run(1, start="jpeg"), run(2, start="noise")]
    design = group(runs)
    assert varied(design) == [("start", "jpeg, noise")]
    assert alike(design) == [("discriminator", "none"), ("fidelity_loss", "l1")]
    assert varied(group([run(0), unmade(1)])) == [("recipe", "no recipe, r")]


def test_changed_recipe_is_not_taken_for_another_seed() -> None:
    design = group([run(0, 0), run(1, 1), run(2, 0)])
    assert design.varied == ("edition",)
    assert [[r.index for r in c.runs] for c in design.configurations] == [[0, 1], [2]]


def test_same_factors_in_two_recipes_stay_apart() -> None:
    design = group([run(0, recipe="a"), run(1, recipe="b")])
    assert design.varied == ("recipe",)
    assert [c.name for c in design.configurations] == ["recipe=a", "recipe=b"]


def test_axis_that_goes_with_a_factor_is_named_not_repeated() -> None:
    design = group(
        [run(0, fidelity_loss="l1+dists", perceptual="dists"), run(1, fidelity_loss="l1+gmsd", perceptual="gmsd")]
    )
    assert design.varied == ("fidelity_loss",)
    assert design.aliases == {"perceptual": "fidelity_loss"}


def test_configurations_that_share_a_short_name_get_a_long_one() -> None:
    design = group([run(0, discriminator="none"), run(1, discriminator="")])
    assert [c.name for c in design.configurations] == ["discriminator=–", "discriminator=none"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.nan, ""), (2.0, "2"), (1e-4, "0.0001"), (np.float64(0.1), "0.1"), (np.True_, "true"), ("x", "x"), (3, "3")],
)
def test_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_mean_is_over_images_then_seeds() -> None:
    drawn = source([run(0, 0), run(1, 1)], [[[30.0, 32.0]], [[40.0, 42.0]]], np.ones((2, 1, 2), int))
    cell = tables(drawn, group(drawn.runs))[0].rows[0].cells[0]
    assert cell.value == 36
    assert cell.std == pytest.approx(math.sqrt(50))
    assert not cell.partial
    assert not cell.best, "there is nothing to be better than"


def test_incomplete_mean_cannot_be_best() -> None:
    runs = [run(0), run(1, discriminator="patch"), run(2, discriminator="unet")]
    status = [[[1, 2]], [[1, 1]], [[1, 1]]]
    rows = tables(drawn := source(runs, [[[99.0, 0]], [[30, 31]], [[20, 21]]], status, i1="boom"), group(drawn.runs))[
        0
    ].rows
    assert [(row.cells[0].partial, row.cells[0].best) for row in rows] == [(True, False), (False, True), (False, False)]
    assert "failed: boom (1 score)" in rows[0].cells[0].title


@pytest.mark.parametrize(
    ("status", "text", "title"),
    [(0, "not run", "not assessed"), (2, "failed", "failed: boom"), (3, "n/a", "not applicable: boom")],
)
def test_absent_score_says_why(status: int, text: str, title: str) -> None:
    reasons = {} if status == 0 else {"i0": "boom"}
    runs = [run(0), run(1, discriminator="patch")]
    drawn = source(runs, [[[0.0]], [[1.0]]], [[[status]], [[1]]], **reasons)
    cell = next(row for row in tables(drawn, group(runs))[0].rows if row.configuration.runs[0].index == 0).cells[0]
    assert (cell.text, cell.value) == (text, None)
    assert cell.title == f"{title} (1 score)"


def test_infinite_score_is_shown_and_wins_without_breaking_the_bars() -> None:
    runs = [run(0), run(1, discriminator="patch"), run(2, discriminator="unet")]
    drawn = source(runs, [[[math.inf]], [[30.0]], [[20.0]]], np.ones((3, 1, 1), int))
    cells = [row.cells[0] for row in tables(drawn, group(runs))[0].rows]
    assert [(cell.text, cell.best, cell.quality) for cell in cells] == [
        ("∞", True, 1.0),
        ("30.0", False, 1.0),
        ("20.0", False, 0.0),
    ]


def test_lower_is_better_reverses_bars_and_best() -> None:
    runs = [run(0), run(1, discriminator="patch")]
    drawn = source(runs, [[[4.0]], [[2.0]]], np.ones((2, 1, 1), int), assessor(0, "niqe", higher=False))
    assert [(row.cells[0].best, row.cells[0].quality) for row in tables(drawn, group(runs))[0].rows] == [
        (False, 0.0),
        (True, 1.0),
    ]


def test_different_test_images_make_different_tables() -> None:
    runs = [run(0), run(1, discriminator="patch"), run(2, discriminator="unet"), run(3, discriminator="vit", ok=False)]
    status = [[[1, 0]], [[1, 0]], [[0, 1]], [[0, 0]]]
    drawn = tables(source(runs, np.full((4, 1, 2), 5.0), status), group(runs))
    assert [table.images for table in drawn] == [(0,), (1,)]
    assert [[row.configuration.name for row in table.rows] for table in drawn] == [["edsr", "patch", "vit"], ["unet"]]
    assert drawn[0].rows[2].cells[0].text == "failed"


def test_an_assessor_that_nobody_asked_has_no_column() -> None:
    runs = [
        run(0, recipe="one", a="1"),
        run(1, recipe="one", a="2"),
        run(2, recipe="two", b="1"),
        run(3, recipe="two", b="2"),
    ]
    score, both = np.arange(8.0).reshape(4, 2, 1), (assessor(0), assessor(1))
    first, second = tables(source(runs, score, [[[1], [0]]] * 2 + [[[1], [2]]] * 2, *both), group(runs))
    assert ([a.index for a in first.assessors], [a.index for a in first.idle]) == ([0], [1])
    assert [len(row.cells) for row in first.rows] == [1, 1]
    assert ([a.index for a in second.assessors], second.idle) == ([0, 1], ()), "it was asked, and failed"
    (nothing,) = tables(source(runs[:2], score[:2], np.zeros((2, 2, 1), int), *both), group(runs[:2]))
    assert len(nothing.assessors) == 2


def drawn_tables(runs: list[Run], status: Any = None, score: Any = None) -> list[Table]:
    status = np.ones((len(runs), 1, 1), int) if status is None else np.asarray(status)
    score = np.arange(float(len(runs)))[:, None, None] if score is None else score
    return tables(source(runs, np.broadcast_to(score, status.shape), status), group(runs))


def two_studies() -> list[Run]:
    return [
        run(0, recipe="sweep", discriminator="patch", weight="0.1"),
        run(1, recipe="sweep", discriminator="patch", weight="0.5"),
        run(2, recipe="swap", discriminator="none", head="a", backbone="vgg11"),
        run(3, recipe="swap", discriminator="patch", head="b", backbone="vgg11"),
    ]


def test_a_table_has_columns_for_what_varies_in_it_and_tells_the_rest_once() -> None:
    runs = [run(n, generator=name, lr="1", decay=name[0]) for n, name in enumerate(("edsr", "edsr2", "rrdb"))]
    runs += [run(3, generator="rrdb", lr="2", fidelity_loss="l2")]
    first, second = drawn_tables(runs, [[[1, 0]], [[1, 0]], [[1, 0]], [[0, 1]]])
    assert first.part.columns == ("generator", "decay")
    assert first.part.shared == (("fidelity_loss", "l1"),), "lr goes with fidelity_loss in the whole store"
    assert second.part.columns == ("generator", "fidelity_loss"), "one row has nothing in common with others"
    assert second.part.shared == ()


def test_recipes_with_factors_of_their_own_stand_in_tables_of_their_own() -> None:
    drawn = drawn_tables(two_studies())
    assert [(table.part.recipe, table.part.columns, table.part.shared) for table in drawn] == [
        ("sweep", ("weight",), (("discriminator", "patch"),)),
        ("swap", ("discriminator", "head"), (("backbone", "vgg11"),)),
    ]
    assert [[row.configuration.runs[0].index for row in table.rows] for table in drawn] == [[0, 1], [2, 3]]


def test_no_value_of_a_varied_factor_is_lost() -> None:
    runs = [*two_studies(), run(4, recipe="", lr="1"), run(5, recipe="", lr="2"), run(6, recipe="swap", head="patch")]
    runs.append(run(7, recipe="sweep", discriminator="patch", weight="0.1"))
    design = group(runs)
    drawn = drawn_tables(runs, [[[1, 0]]] * 5 + [[[0, 1]]] * 3)
    seen = set()
    for table in drawn:
        told = {*table.part.columns, *dict(table.part.shared), *(["recipe"] if table.part.recipe is not None else [])}
        for row in table.rows:
            applies = {name for name in design.varied if row.configuration.factors[name]}
            assert applies <= told
            seen.add(row.configuration.index)
    assert seen == {c.index for c in design.configurations}
    assert "edition" in design.varied


def test_nested_recipes_share_a_table() -> None:
    runs = [run(0, recipe="base"), run(1, recipe="swap", head="a"), run(2, recipe="swap", head="b")]
    (table,) = drawn_tables(runs)
    assert (table.part.recipe, table.part.columns, table.part.shared) == (None, ("head", "recipe"), ())
    assert [row.cells[0].leads for row in table.rows] == [False] * 3


def test_configuration_of_two_recipes_stands_in_both_tables() -> None:
    runs = two_studies()
    runs.append(run(4, recipe="sweep", head="c", backbone="vit", weight="0.9", discriminator="patch"))
    runs[4] = replace(runs[4], recipes=("sweep", "swap"))
    drawn = drawn_tables(runs)
    assert [[row.configuration.runs[0].index for row in table.rows] for table in drawn] == [[0, 1, 4], [2, 3, 4]]
    assert drawn[1].part.columns == ("discriminator", "backbone", "head", "weight", "recipe")


def unmade(index: int, **factors: Any) -> Run:
    return replace(run(index, recipe="", **factors), recipes=())


def test_runs_that_no_recipe_made_stand_apart() -> None:
    drawn = drawn_tables([*two_studies(), unmade(4, lr="1"), unmade(5, lr="2")])
    assert [table.part.recipe for table in drawn] == ["sweep", "swap", ""]
    assert drawn[2].part.columns == ("lr",)
    assert "recipe" in group([*two_studies(), unmade(4, lr="1"), unmade(5, lr="2")]).varied
    assert not any("recipe" in dict(table.part.shared) for table in drawn), "the heading says it"
    (table,) = drawn_tables([run(0, recipe="base"), unmade(1, lr="1"), unmade(2, lr="2")])
    assert table.part.columns == ("lr", "recipe")


def test_each_table_has_its_best_and_one_the_best_of_all() -> None:
    score = np.array([30.0, 30.001, 20.0, 10.0])[:, None, None]
    cells = [row.cells[0] for table in drawn_tables(two_studies(), score=score) for row in table.rows]
    assert [(cell.best, cell.leads) for cell in cells] == [(False, False), (True, True), (True, False), (False, False)]
    assert [cell.quality for cell in cells] == [0, 1, 1, 0]
    assert [cell.text for cell in cells] == ["30.000", "30.001", "20.0", "10.0"]


def test_alone_in_its_table_a_configuration_may_be_the_best_of_all() -> None:
    runs = [*two_studies(), run(4, recipe="base", lr="1")]
    cell = drawn_tables(runs)[2].rows[0].cells[0]
    assert (cell.best, cell.leads, cell.quality) == (True, True, None)


def test_what_is_the_same_in_the_whole_store_is_known() -> None:
    assert fixed(group(two_studies())) == [("generator", "edsr"), ("fidelity_loss", "l1")]
    assert fixed(group([run(0, head="")]))[0] == ("generator", "edsr")
    assert "head" not in dict(fixed(group([run(0, head="")])))


def test_failures_are_counted_by_reason() -> None:
    runs = [run(0), run(1, discriminator="patch", ok=False)]
    found = failures(source(runs, np.zeros((2, 1, 2)), [[[2, 2]], [[0, 0]]], i0="boom", i1="boom"), group(runs))
    assert [(f.kind, f.count, f.reason) for f in found] == [
        ("run failed", 1, "ran out of memory"),
        ("score failed", 2, "boom"),
    ]


def test_facts_and_commands() -> None:
    runs = [run(0), run(1, recipe="a b; rm -rf x")]
    assert [(fact.name, fact.values) for fact in facts(runs)] == [("torch", ("2.13",))]
    assert commands(runs) == ["percept recipe run r", "percept recipe run 'a b; rm -rf x'", "percept cube report"]


def test_region_is_where_outputs_differ_in_detail() -> None:
    reference = np.full((200, 300, 3), 128, np.uint8)
    texture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    reference[100:164, 200:264] = texture
    other = reference.copy()
    other[0:64, 0:64] = 90
    other[100:164, 200:264] = 255 - texture
    assert choose(reference, [reference, other], 64) == (100, 200, 64, 64)


def test_region_of_a_small_or_flat_image_is_inside_it() -> None:
    flat = np.zeros((40, 50, 3), np.uint8)
    assert choose(flat, [flat], 128) == (0, 0, 40, 50)
    top, left, height, width = choose(np.zeros((301, 203, 3), np.uint8), [np.zeros((301, 203, 3), np.uint8)], 128)
    assert (height, width) == (128, 128)
    assert top + height <= 301
    assert left + width <= 203


def test_binned_keeps_the_mean_and_drops_what_is_not_finite() -> None:
    values = np.sin(np.arange(1000) / 50)
    steps, means = binned(np.arange(1000.0), values, points=10)
    assert steps.size == 10
    assert means.mean() == pytest.approx(values.mean())
    assert np.all(np.diff(steps) > 0)
    steps, means = binned(np.arange(3.0), np.array([1.0, np.nan, np.inf]))
    assert (steps.tolist(), means.tolist()) == ([0.0], [1.0])


def test_a_curve_of_one_point_is_a_dot() -> None:
    arrays = {"curve/l1/step": np.array([5]), "curve/l1/value": np.array([0.2])}
    design = group([Run(**{**vars(run(0)), "arrays": arrays})])
    drawn = curves(design, encode(design))
    assert drawn
    line = drawn.panels[0].svg.partition('data-c="')[2].partition("</g>")[0]
    assert "<use" in line
