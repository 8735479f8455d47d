from __future__ import annotations

import pytest
import torch
from percept.stages.curves import Curves


def test_an_interval_that_was_open_when_saved_goes_on() -> None:
    first, second = Curves(4), Curves(4)
    for value in (1.0, 2.0):
        first.add({"l1": torch.tensor(value)})
    second.load_state_dict(first.state_dict())
    for value in (3.0, 6.0):
        second.add({"l1": torch.tensor(value)})
    assert second.close_interval(4) == {"l1": pytest.approx(3.0)}
    assert second.arrays()["curve/l1/step"].tolist() == [4]


def test_a_loss_that_comes_later_is_averaged_over_its_own_steps() -> None:
    made = Curves(3)
    made.add({"l1": torch.tensor(1.0)})
    made.add({"l1": torch.tensor(2.0), "adversarial": torch.tensor(5.0)})
    assert made.close_interval(3) == {"l1": pytest.approx(1.5), "adversarial": pytest.approx(5.0)}
