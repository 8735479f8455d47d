"""For each check on drawn images a metric that only it, or hardly any other, finds wrong; and how cases are drawn."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from percept.contracts import check_pair
from percept.specs import AssessorSpec, FidelityLossSpec, MetricSpec
from percept.testing import checks_for, run_component
from percept.testing.contents import BEYOND, CONTENTS, SPOILT
from percept.testing.drawn import examples, require_all
from percept.testing.pairs import Batch, Pair
from percept.testing.strategies import LARGER, batches, deck, pairs
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEAST = 9
OUTPUTS = (*SPOILT, *BEYOND, *CONTENTS)


class Good(nn.Module):
    """Mean absolute error, with a hook to break it at."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        check_pair(output, target, "good", LEAST)
        return self.value(output, target)

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs().mean((1, 2, 3))

    def prepare(self, reference: Tensor) -> Tensor:
        return reference

    def score(self, images: Tensor, state: Tensor) -> Tensor:
        return self.forward(images, state)


def odd(images: Tensor) -> bool:
    return images.shape[-1] % 2 == 1 and images.shape[-2] % 2 == 1


class UndefinedWhereEqual(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        equal = (output == target).all(dim=3).all(dim=2).all(dim=1)
        return super().value(output, target).where(~equal, torch.nan)


class RootOfZero(Good):
    """Where a pixel's channels are all right, its gradient is infinite times zero."""

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().sum(1).sqrt().mean((1, 2))


class UndefinedWhereFlatAndOdd(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        flat = target.amax((1, 2, 3)) == target.amin((1, 2, 3))
        return super().value(output, target).where(~flat if odd(target) else torch.ones_like(flat), torch.nan)


class RaisesOnHalfFlat(Good):
    """As whoever inverts a matrix of moments does."""

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        left = target[..., : target.shape[-1] // 2].std((1, 2, 3))
        right = target[..., target.shape[-1] // 2 :].std((1, 2, 3))
        if bool(((left == 0) & (right > 0.01)).any()):
            raise ArithmeticError("singular\nmatrix")
        return super().value(output, target)


class LargeOnCheckerboards(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        contrast = (output.diff(dim=-1).abs() == 1).double().mean((1, 2, 3))
        return super().value(output, target) * (1 + 20 * (contrast > 0.1))


class LikesNoiseOnFlat(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        flat = target.std((1, 2, 3)) < 1e-4
        values = super().value(output, target)
        return values.where(~flat, 1 - values)


class BackwardsWhereOdd(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        values = super().value(output, target)
        return 1 - values if odd(output) else values


class LopsidedOnBlack(Good):
    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return super().value(output, target) * (1 + (target.amax((1, 2, 3)) == 0))


class NormalisedByBlackMates(Good):
    """Divides by the darkest mate's mean, unless there is light everywhere."""

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        means = target.mean((1, 2, 3))
        return super().value(output, target) * (0.5 + 0.5 * (means.min() > 0.1))


class FirstOfThree(Good):
    """In batches of three and more every image is compared with the first's target."""

    def value(self, output: Tensor, target: Tensor) -> Tensor:
        return super().value(output, target[:1] if len(output) > 2 else target)


FACTS: Any = {"summary": "", "direction": "lower", "range": (0.0, 1.5), "symmetric": True, "min_size": LEAST}


def assessor_of(cls: type, **facts: Any) -> AssessorSpec:
    return AssessorSpec(**{"name": cls.__name__.lower(), "target": f"{__name__}:{cls.__name__}", **FACTS, **facts})


def loss_of(cls: type) -> FidelityLossSpec:
    return assessor_of(cls).as_loss(range=(0.0, torch.inf))


SIZE = r"\d+×\d+, seed \d+"

BROKEN: list[tuple[MetricSpec, str, str]] = [
    (assessor_of(UndefinedWhereEqual), "any-pair", f"output equal, target natural, {SIZE}: scores: nan"),
    (loss_of(RootOfZero), "any-pair", f"output equal, target natural, {SIZE}: 243 of 243 values of the gradient are"),
    (assessor_of(UndefinedWhereFlatAndOdd), "any-pair", f"output .*, target \\S+, {SIZE}: scores: nan"),
    (assessor_of(RaisesOnHalfFlat), "any-pair", f"target \\S+, {SIZE}: raises \\S+: singular matrix$"),
    (loss_of(RaisesOnHalfFlat), "any-pair", f"target \\S+, {SIZE}: raises \\S+: singular matrix$"),
    (
        assessor_of(LargeOnCheckerboards),
        "any-range",
        f"output \\S+, target \\S+, {SIZE}: value: .*outside of \\[0, 1.5\\]",
    ),
    (assessor_of(LikesNoiseOnFlat), "any-identical", f"{SIZE}: the target itself gives 1, the output .*but lower is"),
    (assessor_of(BackwardsWhereOdd), "any-direction", f"output noisy, target natural, {SIZE}: noise of 0, 0.02.*but"),
    (loss_of(BackwardsWhereOdd), "any-direction", f"output noisy, target natural, {SIZE}: noise of 0, 0.02.*but lower"),
    (assessor_of(LopsidedOnBlack), "any-symmetric", f"{SIZE}: x, y and y, x differ: "),
    (loss_of(LopsidedOnBlack), "any-symmetric", f"{SIZE}: x, y and y, x differ: "),
    (assessor_of(NormalisedByBlackMates), "any-batch", f"output/target \\S+/.*, {SIZE}: values alone and together"),
    (loss_of(NormalisedByBlackMates), "any-batch", f"output/target \\S+/.*, {SIZE}: values alone and together"),
    (assessor_of(FirstOfThree), "any-batch", f"output/target \\S+/.*, {SIZE}: values alone and together differ"),
]


@pytest.mark.parametrize(("spec", "check", "reason"), BROKEN, ids=[f"{s.kind}-{s.name}" for s, *_ in BROKEN])
def test_it_is_found_and_the_case_is_named(spec: MetricSpec, check: str, reason: str, all_failures: Any) -> None:
    found = all_failures(spec)
    assert check in found
    assert re.search(reason, found[check]), found[check]
    assert len(found[check]) < 260


@pytest.mark.parametrize(
    ("cls", "check"),
    [(RaisesOnHalfFlat, "any-pair"), (LargeOnCheckerboards, "any-range"), (LikesNoiseOnFlat, "any-identical")],
)
def test_no_fixed_check_would_have_found_it(cls: type, check: str, all_failures: Any, failures: Any) -> None:
    assert failures(assessor_of(cls)) == {}
    assert check in all_failures(assessor_of(cls))


def test_every_check_on_drawn_images_is_broken(component: Any) -> None:
    listed = {check.name for check in checks_for(component(assessor_of(Good)))}
    assert {name for name in listed if name.startswith("any-")} == {check for _, check, _ in BROKEN}


def test_the_same_case_is_named_every_time(all_failures: Any) -> None:
    assert all_failures(assessor_of(LopsidedOnBlack)) == all_failures(assessor_of(LopsidedOnBlack))


def test_a_known_failure_is_expected(component: Any) -> None:
    spec = assessor_of(RaisesOnHalfFlat, known_failures={"any-pair": "singular", "any-symmetric": "wrong"})
    found = {result.check: (result.status, result.reason) for result in run_component(component(spec))}
    assert found["any-pair"] == ("expected", "singular")
    assert found["any-symmetric"][0] in ("expected", "unexpected-pass")


def test_without_hypothesis_they_are_skipped(component: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    found = {result.check: result for result in run_component(component(assessor_of(Good)))}
    skipped = {name: result.reason for name, result in found.items() if result.status == "skipped"}
    assert set(skipped) == {name for name in found if name.startswith("any-")}
    assert set(skipped.values()) == {"needs hypothesis; run pip install 'percept-core[testing]'"}


def test_nothing_is_written_and_nothing_is_said(
    component: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_component(component(assessor_of(RaisesOnHalfFlat)))
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def drawn(make: Callable[..., Any], count: int, *what: Any, fixed: Any = ()) -> list[Any]:
    seen: list[Any] = []
    require_all(lambda: make(*what), seen.append, count, fixed)
    return seen


def test_the_least_number_of_pairs_shows_everything() -> None:
    seen = drawn(pairs, examples(), LEAST, OUTPUTS, fixed=deck(LEAST, OUTPUTS))
    assert len(seen) == examples()
    assert {pair.output for pair in seen} == set(OUTPUTS)
    assert {pair.target for pair in seen} == set(CONTENTS)
    assert {(pair.height % 2, pair.width % 2) for pair in seen} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_pairs_are_what_they_are_called() -> None:
    for pair in drawn(pairs, 150, LEAST, OUTPUTS):
        output, target = pair.images()
        assert output.shape == target.shape == (1, 3, pair.height, pair.width)
        assert LEAST <= min(pair.height, pair.width) <= max(pair.height, pair.width) <= LEAST + LARGER
        assert target.min() >= 0
        assert target.max() <= 1
        assert pair.output in BEYOND or 0 <= output.min() <= output.max() <= 1
        assert torch.equal(output, target) or pair.output != "equal"
        assert torch.equal(output, pair.images()[0])


def test_batches_hold_one_to_four_pairs() -> None:
    seen = drawn(batches, 40, LEAST, OUTPUTS)
    assert {len(batch.shown) for batch in seen} == {1, 2, 3, 4}
    assert all(len(batch.images()[0]) == len(batch.shown) for batch in seen)


def test_names_say_what_is_shown() -> None:
    assert str(Pair("flat", "noise", 41, 37, 3)) == "output flat, target noise, 37×41, seed 3"
    batch = Batch((("equal", "dot"), ("white", "ramp")), 41, 37, 3)
    assert str(batch) == "output/target equal/dot, white/ramp, 37×41, seed 3"


def test_the_environment_asks_for_more(monkeypatch: pytest.MonkeyPatch, all_failures: Any) -> None:
    monkeypatch.setenv("PERCEPT_TEST_EXAMPLES", "200")
    assert (examples(), examples(0.5)) == (200, 100)
    monkeypatch.setenv("PERCEPT_TEST_EXAMPLES", "many")
    assert all_failures(assessor_of(Good))["any-pair"].endswith(
        "raises InputError: PERCEPT_TEST_EXAMPLES=many: not a positive whole number"
    )
