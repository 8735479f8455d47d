from __future__ import annotations

import pytest
import torch
from percept.training.batch import Batch
from percept.training.ramps import Ramp
from percept.training.terms import Quality, Rejected, artefacts
from torch import Tensor

ONE = Ramp(1.0, 1.0)


class Brightness:
    def prepare(self, reference: Tensor) -> Tensor:
        return reference

    def score(self, images: Tensor, state: Tensor | None) -> Tensor:
        return images.mean(dim=(1, 2, 3)) - (0 if state is None else state.mean(dim=(1, 2, 3)))


def batch(target: Tensor, **more: Tensor) -> Batch:
    return Batch(target, target, **more)


@pytest.mark.parametrize(("direction", "sign"), [("higher", -1.0), ("lower", 1.0)])
@pytest.mark.parametrize("compares", [True, False])
def test_a_quality_is_descended_in_its_direction_on_images_as_they_are_shown(
    direction: str, sign: float, compares: bool
) -> None:
    output = torch.full((2, 3, 4, 4), 0.25)
    output[1] = 7.0  # shown as 1
    term = Quality("q", ONE, Brightness(), direction, compares)  # type: ignore[arg-type]  # one of the two
    expected = (0.25 + 1.0) / 2 - (0.5 if compares else 0)
    assert term(output, batch(torch.full((2, 3, 4, 4), 0.5))).item() == pytest.approx(sign * expected)


def test_artefacts_are_local_variance_times_a_fifth_root_of_the_whole() -> None:
    """LDL, eq. 3 and 4, by loops."""
    torch.manual_seed(0)
    rejected, chosen = torch.rand(2, 3, 9, 11), torch.rand(2, 3, 9, 11)
    found = artefacts(rejected, chosen)
    residual = (rejected - chosen).abs().sum(1)
    padded = torch.nn.functional.pad(residual[:, None], (3, 3, 3, 3), mode="reflect")[:, 0]
    for n, row, column in ((0, 0, 0), (0, 4, 5), (1, 8, 10)):
        local = padded[n, row : row + 7, column : column + 7].var(correction=0)
        assert found[n, 0, row, column].item() == pytest.approx((local * residual[n].var() ** 0.2).item(), rel=1e-4)


def test_what_was_rejected_pushes_only_where_something_was() -> None:
    output, target, negative = torch.zeros(2, 3, 8, 8), torch.rand(2, 3, 8, 8), torch.full((2, 3, 8, 8), 0.5)
    given = batch(target, negative=negative, rejected=torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
    assert Rejected("r", ONE, "none")(output, given).item() == pytest.approx(-0.25)
    mask = artefacts(negative, target)[0]
    assert Rejected("r", ONE, "artefacts")(output, given).item() == pytest.approx(-0.25 * mask.mean().item(), rel=1e-5)
