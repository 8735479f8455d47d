"""What is measured of one metric in one library: score, loss with gradient, and percept's prepared reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tests.benchmarks.peers.catalogue import CATALOGUE
from tests.benchmarks.peers.libraries import AbsentError, Call, build, data

PERCEPT = "percept"
HEIGHT, WIDTH = 384, 512


def pair(height: int = HEIGHT, width: int = WIDTH) -> tuple[Tensor, Tensor]:
    """(noisy photograph, photograph), each (1, 3, height, width)."""
    from skimage.data import astronaut

    target = torch.from_numpy(astronaut()[:height, :width].copy()).permute(2, 0, 1)[None].float() / 255
    rng = torch.Generator().manual_seed(0)
    return (target + 0.05 * torch.randn(target.shape, generator=rng)).clamp(0, 1), target


@dataclass(frozen=True)
class Subject:
    """Calls of one metric; `loss` is None where it is no objective, `prepared` is percept's alone."""

    score: Call
    loss: Call | None
    assessor: Any = None

    def forward(self, output: Tensor, target: Tensor) -> Callable[[], None]:
        def run() -> None:
            with torch.no_grad():
                self.score(output, target)

        return run

    def backward(self, output: Tensor, target: Tensor) -> Callable[[], None] | None:
        loss = self.loss
        if loss is None:
            return None

        def run() -> None:
            leaf = output.detach().requires_grad_()
            torch.autograd.grad(loss(leaf, target).sum(), leaf)

        return run


def installed() -> dict[str, Any]:
    """Name → spec of percept's assessors."""
    from percept.registry import registry

    return {c.spec.name: c.spec for c in registry().components("assessor")}


def subject(metric: str, library: str) -> Subject:
    """Raises AbsentError, with the reason, if there is no such metric in the library or it cannot be built here."""
    if library == PERCEPT:
        return _percept(metric)
    make = CATALOGUE[metric].peers.get(library)
    if make is None:
        raise AbsentError(f"{library} has no {metric}")
    call = build(make)
    return Subject(call, call)


def assessor(metric: str) -> Any:
    """percept's assessor, with the authors' parameters where it needs some. Raises AbsentError if they are absent."""
    import percept

    path = data() / "weights" / CATALOGUE[metric].model
    given = {"model": str(path)} if CATALOGUE[metric].model and path.is_file() else {}
    return build(lambda: percept.assessor(metric, **given))


def _percept(metric: str) -> Subject:
    import percept
    from percept.registry import registry

    judge = assessor(metric)
    losses = {c.spec.name for c in registry().components("fidelity_loss")}
    loss = build(lambda: percept.fidelity_loss(metric)) if metric in losses else None
    if installed()[metric].reference == "none":
        return Subject(lambda output, _: judge.score(output, None), loss)
    return Subject(lambda output, target: judge.score(output, judge.prepare(target)), loss, judge)
