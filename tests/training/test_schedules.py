from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from percept.training.optimizers import SCHEDULES, build_optimizer, build_schedule
from percept.training.ramps import Ramp

from tests.training.parts import ADAM, COSINE, STEPS, generator


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_reach_their_last_step(schedule: str) -> None:
    optimizer = build_optimizer(generator().parameters(), {**ADAM, "use": "sgd"})
    made = build_schedule(optimizer, {**COSINE, "use": schedule, "milestones": [5], "periods": 2}, STEPS)
    for _ in range(STEPS):
        optimizer.step()
        made.step()
    rate = optimizer.param_groups[0]["lr"]
    # The second of two periods has ended, and a third would begin.
    expected = {"constant": 1e-3, "cosine": 0.0, "cosine-restarts": 1e-3, "multistep": 5e-4, "one-cycle": 4e-9}
    assert rate == pytest.approx(expected[schedule], abs=1e-8)


def test_warm_up_rises_to_the_rate_and_hands_over() -> None:
    optimizer = build_optimizer(generator().parameters(), {**ADAM, "use": "sgd"})
    made = build_schedule(optimizer, {**COSINE, "warm-up": 4}, STEPS)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    assert rates[:5] == pytest.approx([2e-4, 4e-4, 6e-4, 8e-4, 1e-3])
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_ramps_are_constant_outside_and_meet_in_the_middle() -> None:
    for shape in ("linear", "cosine"):
        ramp = Ramp(1.0, 3.0, steps=10, begins=5, shape=shape)
        assert [ramp.at(step) for step in (0, 5, 10, 15, 99)] == pytest.approx([1.0, 1.0, 2.0, 3.0, 3.0])


def rates(config: dict[str, Any], steps: int = STEPS) -> list[float]:
    """The rate of each step, in units of the recipe's."""
    optimizer = build_optimizer(generator().parameters(), {**ADAM, "use": "sgd"})
    made = build_schedule(optimizer, {**COSINE, **config}, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"] / ADAM["lr"])
        optimizer.step()
        made.step()
    return found


def test_milestones_are_steps_of_the_training_with_warm_up_and_without() -> None:
    config = {"use": "multistep", "milestones": [6, 9]}
    assert rates(config) == pytest.approx([1.0] * 6 + [0.5] * 3 + [0.25] * 3)
    assert rates({**config, "warm-up": 3}) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 0.5, 0.5, 0.5, *[0.25] * 3])


@pytest.mark.parametrize("warm_up", [0, 5])
def test_one_cycle_has_its_peak_at_the_rate(warm_up: int) -> None:
    found = rates({"use": "one-cycle", "warm-up": warm_up}, steps=60)
    assert max(found) == pytest.approx(1.0, rel=1e-2)
    assert found[0] < 0.05
    assert found[-1] < 0.01


@pytest.mark.parametrize(("steps", "periods"), [(103, 4), (1000, 3), (100, 4)])
def test_restarts_do_not_leave_the_last_steps_at_the_full_rate(steps: int, periods: int) -> None:
    found = rates({"use": "cosine-restarts", "periods": periods}, steps)
    assert found[-1] < 0.02
    assert sum(now > before for before, now in pairwise(found)) == periods - 1


def test_ramps_have_their_shape() -> None:
    assert Ramp(1.0, 3.0, steps=8, begins=5).at(7) == pytest.approx(1.5)
    assert Ramp(1.0, 3.0, steps=8, begins=5, shape="cosine").at(7) == pytest.approx(2 - 0.5**0.5)
