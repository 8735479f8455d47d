"""Time of every full-reference metric on 512×384, one thread: scores against a prepared reference, and loss with gradient.

pytest tests/benchmarks/bench_metrics.py --benchmark-only --benchmark-columns=min,median
"""

from __future__ import annotations

import percept
import pytest
import torch
from percept.registry import registry
from percept.specs import MetricSpec
from torch import Tensor

SIZE = (1, 3, 384, 512)


def names(kind: str) -> list[str]:
    components = registry().components(kind)  # type: ignore[arg-type]  # one of the kinds
    return sorted(c.spec.name for c in components if isinstance(c.spec, MetricSpec) and c.spec.reference == "full")


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    torch.set_num_threads(1)
    from skimage.data import astronaut

    target = torch.from_numpy(astronaut()[:384, :512].copy()).permute(2, 0, 1)[None].float() / 255
    return (target + 0.05 * torch.randn(SIZE, generator=torch.Generator().manual_seed(0))).clamp(0, 1), target


@pytest.mark.parametrize("name", names("assessor"))
def test_score(name: str, pair: tuple[Tensor, Tensor], benchmark) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # pytest-benchmark's
    assessor = percept.assessor(name)
    state = assessor.prepare(pair[1])
    with torch.no_grad():
        assert benchmark(assessor.score, pair[0], state).shape == (1,)


@pytest.mark.parametrize("name", names("fidelity_loss"))
def test_loss_and_gradient(name: str, pair: tuple[Tensor, Tensor], benchmark) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # pytest-benchmark's
    loss, output = percept.fidelity_loss(name), pair[0].requires_grad_()

    def step() -> Tensor:
        (gradient,) = torch.autograd.grad(loss(output, pair[1]).sum(), output)
        return gradient

    assert benchmark(step).isfinite().all()
