from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from percept.contracts import Sample
from percept.errors import DataError
from percept.training.batch import Batch
from percept.training.degrade import Chain
from percept.training.ground_truths import GroundTruths, pick
from percept.training.patches import PatchSampler
from percept.training.ramps import Ramp
from percept.training.terms import Quality, Rejected, artefacts, quality_of
from torch import Tensor

LABELS = ("positive", "negative", "similar", "positive")


def brightness(images: Tensor) -> Tensor:
    return images.mean((1, 2, 3))


class Grouped:
    """One group: an original of value .1, and four further ground truths of .2, .3, .4, .5."""

    ids = ("only",)

    def __init__(self, labels: tuple[str, ...] = LABELS) -> None:
        self.labels = labels

    def fingerprint(self) -> str:
        return "0"

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        flat = [torch.full((3, 12, 12), value / 10) for value in (1, 2, 3, 4, 5)]
        return Sample("only", flat[0], targets=tuple(flat[1:]), labels=self.labels)


def drawn(rule: Any, labels: tuple[str, ...] = LABELS, temperature: float = 0.1) -> dict[int, float]:
    """Ground truth (its value in tenths) → how often it was the target."""
    truths = GroundTruths(rule, brightness, temperature)
    sampler = PatchSampler(Grouped(labels), Chain([], False), 8, 2000, False, 0, truths)
    batch = sampler.next()
    assert (batch.degraded - 0.1).abs().max() < 1e-6, "inputs are made of the original"
    counts = Counter((batch.target[:, 0, 0, 0] * 10).round().int().tolist())
    return {value: count / 2000 for value, count in counts.items()}


def test_originals() -> None:
    assert drawn("originals") == {1: 1.0}


def test_rand_draws_all_alike() -> None:
    assert drawn("rand") == {v: pytest.approx(0.2, abs=0.04) for v in (1, 2, 3, 4, 5)}


def test_upos_draws_positives_alike() -> None:
    assert drawn("upos") == {v: pytest.approx(1 / 3, abs=0.04) for v in (1, 2, 5)}


def test_upos_without_any_positive_is_the_original() -> None:
    assert drawn("upos", ("negative",) * 4) == {1: 1.0}


@pytest.mark.parametrize(("rule", "allowed"), [("sma", (1, 2, 3, 4, 5)), ("smp", (1, 2, 5))])
def test_softmax_of_quality_over_temperature(rule: str, allowed: tuple[int, ...]) -> None:
    shares = {v: math.exp(v / 10 / 0.1) for v in allowed}
    total = sum(shares.values())
    assert drawn(rule) == {v: pytest.approx(s / total, abs=0.04) for v, s in shares.items()}


def test_amo_takes_the_best_patch() -> None:
    assert drawn("amo") == {5: 1.0}


def test_amo_decides_patch_by_patch() -> None:
    class Halves(Grouped):
        def __getitem__(self, index: int) -> Sample:
            left, right = torch.zeros(3, 8, 32), torch.zeros(3, 8, 32)
            left[..., :16], right[..., 16:] = 1, 1
            return Sample("only", left, targets=(right,), labels=("positive",))

    sampler = PatchSampler(Halves(), Chain([], False), 8, 50, False, 0, GroundTruths("amo", brightness))
    batch = sampler.next()
    assert (brightness(batch.target) >= 0.5).all()
    assert (brightness(batch.degraded) < 0.5).any()


@pytest.mark.parametrize("infinite", [torch.inf, -torch.inf, torch.nan])
def test_amo_passes_over_what_has_no_finite_score(infinite: float) -> None:
    def told(images: Tensor) -> Tensor:
        return torch.tensor([infinite, 1.0, 2.0])[: len(images)]

    truths = GroundTruths("amo", told)
    assert truths.best(torch.rand(3, 3, 8, 8)) == 2
    with pytest.raises(DataError, match="no score for any of a patch's ground truths"):
        truths.best(torch.rand(1, 3, 8, 8))


def test_a_judge_that_says_nothing_finite_is_told() -> None:
    truths = GroundTruths("sma", lambda images: brightness(images) * float("nan"))
    with pytest.raises(DataError, match="scores of some ground truths are not finite"):
        PatchSampler(Grouped(), Chain([], False), 8, 2, False, 0, truths)


def test_pick_covers_the_ends() -> None:
    assert [pick([0.0, 0.5, 1.0], d) for d in (0.0, 0.499, 0.5, 0.999999)] == [1, 1, 2, 2]


def test_rejected_ground_truths_come_along() -> None:
    sampler = PatchSampler(Grouped(), Chain([], False), 8, 5, False, 0, GroundTruths("upos"), with_negatives=True)
    batch = sampler.next()
    assert batch.negative is not None
    assert batch.rejected is not None
    assert (batch.negative - 0.3).abs().max() < 1e-6
    assert batch.rejected.tolist() == [[[[1.0]]]] * 5
    none = PatchSampler(Grouped(("positive",) * 4), Chain([], False), 8, 5, False, 0, with_negatives=True).next()
    assert none.rejected is not None
    assert none.rejected.sum() == 0


def test_keeping_away_is_the_negated_distance_where_there_is_a_rejected_one() -> None:
    output, negative = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    batch = Batch(output, torch.rand(2, 3, 16, 16), negative, torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
    term = Rejected("rejected", Ramp(1, 1), "none")
    assert term(output, batch).item() == pytest.approx(-(output - negative)[:1].abs().mean().item() / 2)
    assert Rejected("rejected", Ramp(1, 1), "artefacts")(output, batch) < 0


def test_artefacts_are_where_the_residual_varies() -> None:
    chosen = torch.zeros(1, 3, 24, 24)
    rejected = chosen.clone()
    rejected[..., 12:, ::2] = 0.5
    mask = artefacts(rejected, chosen)
    assert mask.shape == (1, 1, 24, 24)
    assert mask[..., :8, :].abs().max() < 1e-6
    assert mask[..., 16:, :].min() > 0.01
    assert artefacts(chosen, chosen).abs().max() == 0


class Brightness:
    def prepare(self, reference: Tensor) -> Tensor:
        return reference

    def score(self, images: Tensor, state: Any) -> Tensor:
        return brightness(images) if state is None else brightness(images - state)


@pytest.mark.parametrize(("direction", "sign"), [("higher", -1), ("lower", 1)])
def test_quality_is_descended_in_its_own_direction(direction: Any, sign: int) -> None:
    output = torch.rand(2, 3, 4, 4, requires_grad=True)
    batch = Batch(output, torch.rand(2, 3, 4, 4))
    value = Quality("q", Ramp(1, 1), Brightness(), direction, compares=False)(output, batch)
    value.backward()
    assert output.grad is not None
    assert value.item() == pytest.approx(sign * output.mean().item())
    assert torch.equal(output.grad.sign(), torch.full_like(output, sign))
    assert quality_of(Brightness(), direction)(output.detach()).mean().item() == pytest.approx(-value.item())
