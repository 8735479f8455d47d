"""The report's figures: each mark can be told from the others, and each name is unmistakably its mark's."""

from __future__ import annotations

import re
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="comes with the extra percept-store[report]")
pytest.importorskip("matplotlib", reason="comes with the extra percept-store[report]")

from percept_store.report.configurations import group
from percept_store.report.curves import curves
from percept_store.report.labels import Place, arrange, boxes
from percept_store.report.lives import _edge, _panel
from percept_store.report.palette import GREY, INK, encode
from percept_store.report.planes import crosses, crossing, distance, overlaps
from percept_store.report.scatter import Scatter, pairs, scatter
from percept_store.report.source import Run
from percept_store.studies.asymmetry import Asymmetry, Correlation

from results_store.tests.test_report_parts import assessor, run, source

FRAME = np.array([0.0, 0.0, 290.0, 275.0])
STACK = np.array([[230.0, up] for up in (20, 21, 35, 41, 47, 60, 63, 64, 66, 100, 103, 150, 152, 155, 158, 200, 204)])
CLOUD = np.random.default_rng(3).uniform([20, 20], [270, 255], (30, 2))


def test_pairs_prefer_the_customary_ones() -> None:
    names = [
        ("ssim", "full"),
        ("lpips", "full"),
        ("brisque", "none"),
        ("psnr", "full"),
        ("niqe", "none"),
        ("psnr-y", "full"),
        ("fid", "set"),
    ]
    found = pairs([assessor(n, name, reference=reference) for n, (name, reference) in enumerate(names)])
    assert [(x.label, y.label) for x, y in found] == [
        ("psnr-y", "niqe"),
        ("psnr-y", "brisque"),
        ("psnr-y", "lpips"),
        ("psnr-y", "ssim"),
    ]
    assert pairs([assessor(0, "niqe", reference="none")]) == []


def test_measures_of_properties_do_not_fill_the_page() -> None:
    free = [assessor(n, name, reference="none") for n, name in enumerate(("niqe", "piqe", "entropy"))]
    full = [assessor(3 + n, name) for n, name in enumerate(("psnr", "ssim", "gmsd"))]
    assert [y.label for _, y in pairs(free + full)] == ["niqe", "piqe", "ssim", "gmsd", "entropy"]


def test_each_line_can_be_told_from_the_others() -> None:
    steps = np.arange(1, 9)
    arrays = {"curve/l1/step": steps, "curve/l1/value": 1.0 / steps}
    runs = [run(n, lr=str(n % 3), fidelity_loss=f"loss{n % 5}", discriminator=f"d{n % 2}") for n in range(30)]
    runs = [Run(**{**vars(r), "arrays": arrays}) for r in runs]
    design = group(runs)
    drawn = curves(design, encode(design))
    assert drawn
    assert len({(look.colour, look.dash) for _, look in drawn.legend}) == 30 == len(drawn.legend)
    assert drawn.panels[0].svg.count("data-c=") == 30


def test_baseline_stands_out_from_everything_trained() -> None:
    design = group([run(0, generator="bicubic", fidelity_loss=""), run(1), run(2, discriminator="patch")])
    looks = encode(design).by_configuration
    assert (looks[0].marker, looks[0].colour) == ("*", INK)
    assert all(look.marker != "*" for look in looks[1:])


def placed(marks: np.ndarray) -> tuple[list[str], list[Place]]:
    names = [f"metric-{n}" for n in range(len(marks))]
    places = arrange(marks, names, FRAME)
    found = [place for place in places if place]
    assert len(found) == len(marks), "every mark has its name"
    return names, found


def line(mark: np.ndarray, place: Place) -> np.ndarray:
    return np.array([*mark, mark[0] + place.across, mark[1] + place.up])


@pytest.mark.parametrize("marks", [STACK, CLOUD], ids=["stack", "cloud"])
def test_names_cover_nothing_and_stay_inside(marks: np.ndarray) -> None:
    names, places = placed(marks)
    found = np.concatenate([boxes(*each, [place]) for *each, place in zip(marks, names, places, strict=True)])
    assert (found[:, :2] >= FRAME[:2]).all()
    assert (found[:, 2:] <= FRAME[2:]).all()
    assert not overlaps(found, np.concatenate([marks - 2, marks + 2], axis=1)).any()
    for first, second in combinations(found, 2):
        assert not overlaps(first[None], second[None])[0]


@pytest.mark.parametrize("marks", [STACK, CLOUD], ids=["stack", "cloud"])
def test_a_name_without_a_line_is_beside_its_mark_alone(marks: np.ndarray) -> None:
    _, places = placed(marks)
    for number, place in enumerate(places):
        apart = np.hypot(*(marks - marks[number] - [place.across, place.up]).T)
        others = np.delete(apart, number)
        assert others.min() > (10 if place.line else apart[number]), number


def test_lines_cross_neither_each_other_nor_names() -> None:
    names, places = placed(STACK)
    lines = [line(mark, place) for mark, place in zip(STACK, places, strict=True) if place.line]
    assert len(lines) > 5
    found = np.concatenate([boxes(*each, [place]) for *each, place in zip(STACK, names, places, strict=True)])
    for first, second in combinations(lines, 2):
        assert not crossing(first[None], second)[0]
    assert not any(crosses(each[None] + [0, 0, 1e-9, 0], found).sum() > 1 for each in lines)


def test_a_name_keeps_away_from_what_stands_already() -> None:
    mark, text = np.array([[100.0, 100.0]]), np.array([90.0, 90.0, 140.0, 110.0])
    (place,) = arrange(mark, ["ssim"], FRAME, [text])
    assert place
    assert not overlaps(boxes(mark[0], "ssim", [place]), text[None])[0]
    assert arrange(mark, ["x" * 100], FRAME) == [None], "there is no room for it"


def test_planes() -> None:
    box, across, beside = np.array([[0, 0, 2, 1.0]]), np.array([[-1, 0.5, 3, 0.5]]), np.array([[-1, 2, 3, 2.0]])
    assert (crosses(across, box)[0], crosses(beside, box)[0]) == (True, False)
    assert crosses(np.array([[0.5, 0.5, 1, 0.6]]), box)[0], "inside"
    assert crossing(across, np.array([1, 0, 1, 1.0]))[0]
    assert not crossing(across, np.array([-1, 0.5, 1, 1.0]))[0], "both begin at one point"
    assert distance(np.array([[1, 2.5], [4, 0.5]]), across[0]).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("values", "edge"),
    [
        ([0.5, 0.95, 1.0, 1.0, 1.0], 0.95),  # the others would span nothing
        ([0.2, 0.96, 0.9945, 0.996, 1.0], 0.9945),
        ([0.2, 0.849, 0.85, 0.9, 0.95], 0.849),  # what is near the others is not beyond the edge
        ([0.8, 0.9, 1.0], 0.8),
        ([1.0, 1.0], 1.0),
        ([0.7], 0.7),
    ],
)
def test_only_what_is_far_below_the_others_is_beyond_the_edge(values: list[float], edge: float) -> None:
    assert _edge(np.array(values)) == edge


def life(values: list[float]) -> str:
    count = len(values)
    objective = np.linspace(0.9, 0.1, count)
    study = Asymmetry(
        tuple(f"metric-{n}" for n in range(count)),
        {"objective": objective, "people": np.array(values)},
        {"objective": np.stack([objective - 0.01, objective + 0.01])},
        {},
        (),
        {},
    )
    return str(_panel(study, Correlation("people", 0.5, 0.4, 0.6, count)).svg)


def written(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("values", [[0.5, 0.95] + [1.0] * 24, [1.0] * 26, [0.98, 0.99, 1.0]])
def test_every_metric_is_named_and_no_axis_goes_beyond_one(values: list[float]) -> None:
    texts = written(life(values))
    beyond = {0: " (0.50)"} if values[0] == 0.5 else {}
    assert {f"metric-{n}{beyond.get(n, '')}" for n in range(len(values))} <= set(texts)
    ticks = [float(text) for text in texts if re.fullmatch(r"[\d.]+", text)]
    assert 1.0 in ticks
    assert max(ticks) == 1.0


def many(factors: list[dict[str, str]], *untrained: dict[str, str]) -> tuple[Scatter, str]:
    runs = [run(n, **each) for n, each in enumerate(factors)]
    runs += [run(len(runs) + n, fidelity_loss="", **each) for n, each in enumerate(untrained)]
    score = np.random.default_rng(0).uniform(0, 30, (len(runs), 2, 1))
    drawn = source(runs, score, np.ones(score.shape, int), assessor(0), assessor(1, "niqe", False, "none"))
    design = group(runs)
    found = scatter(drawn, design.configurations, [0], encode(design))
    assert found
    return found, str(found.panels[0].svg)


def test_more_losses_than_marks_are_numbered_and_colour_does_the_rest() -> None:
    losses = [{"fidelity_loss": f"loss{n}", "start": start} for n, start in product(range(27), ("noise", "jpeg"))]
    found, svg = many(losses)
    assert found.numbers
    assert found.numbers.by == "fidelity_loss"
    assert [(e.number, e.name) for e in found.numbers.entries] == [(n + 1, f"loss{n}") for n in range(27)]
    assert [value for value, _ in found.colours] == ["jpeg", "noise"]
    assert GREY not in svg
    assert found.markers == ()
    for number in range(1, 28):
        assert written(svg).count(str(number)) >= 2, "both starts"
        assert svg.count(f'data-c="{number}"') >= 4, "two marks and their names"
    assert len(set(re.findall("<title>([^<]*)</title>", svg))) == 54


def test_where_colour_is_not_enough_each_configuration_has_a_number() -> None:
    found, svg = many(
        [{"discriminator": f"d{n}", "weight": w} for n in range(8) for w in "12"], {"generator": "bicubic"}
    )
    assert found.numbers
    assert found.numbers.by == ""
    assert len(found.numbers.entries) == 17
    assert [e.trained for e in found.numbers.entries] == [False] + [True] * 16
    assert found.colours == (), "eight values have no six colours"
    assert len(set(re.findall(r"fill: (#\w+)", svg))) == 1


def test_few_configurations_keep_their_marks() -> None:
    found, svg = many([{"discriminator": "patch"}, {"discriminator": "none"}])
    assert found.numbers is None
    assert [value for value, _ in found.colours] == ["none", "patch"]
    assert "data-c" not in svg


def test_colour_does_not_stand_for_what_does_not_vary_among_what_is_trained() -> None:
    runs = [run(0, discriminator="", fidelity_loss="", level="1")]
    runs += [run(n, fidelity_loss=f"loss{n}", start=start) for n, start in enumerate(("jpeg", "noise"), start=1)]
    looks = encode(group([*runs, run(3, fidelity_loss="loss1", start="noise")]))
    assert (looks.colour_by, looks.marker_by) == ("start", "fidelity_loss")


@pytest.mark.parametrize(
    ("reference", "says"),
    [("none", "looks at the output alone"), ("full", "compares with the reference, too")],
)
def test_each_panel_says_what_its_assessor_sees(reference: str, says: str) -> None:
    runs = [run(0), run(1, discriminator="patch")]
    both: Any = assessor(0), assessor(1, "other", reference=reference)
    drawn = source(runs, np.ones((2, 2, 1)), np.ones((2, 2, 1), int), *both)
    found = scatter(drawn, group(runs).configurations, [0], encode(group(runs)))
    assert found
    assert [panel.sees for panel in found.panels] == [says]
