"""The generator's own side of the objective: any number of terms, each with its label and weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from percept.contracts import Assessor, FidelityLoss
from percept.errors import PerceptError
from percept.training.batch import Batch
from percept.training.ramps import Ramp


class Term(Protocol):
    """A term of the objective: `label` names its learning curve, `weight` its place in the sum."""

    @property
    def label(self) -> str: ...

    @property
    def weight(self) -> Ramp: ...

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The mean over the batch, unweighted."""
        ...


@dataclass(frozen=True)
class Fidelity:
    """How far the output is from the batch's target, by a fidelity loss."""

    label: str
    weight: Ramp
    loss: FidelityLoss

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The batch mean; raises PerceptError if the loss breaks its contract of one value an image."""
        return _mean(self.loss(output, batch.target), output, f"fidelity loss '{self.label}'")


@dataclass(frozen=True)
class Quality:
    """-Q of an assessor whose scores are better the higher, Q of one where lower is better (arXiv:2504.18524, §3.3).

    The assessor sees what it is made for, images clamped to [0, 1]: what has left that range moves by other terms only.
    """

    label: str
    weight: Ramp
    assessor: Assessor
    direction: Literal["higher", "lower"]
    compares: bool

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The batch mean; raises PerceptError if the assessor breaks its contract of one score an image."""
        state = self.assessor.prepare(batch.target) if self.compares else None
        scores = _mean(self.assessor.score(output.clamp(0, 1), state), output, f"assessor '{self.label}'")
        return -scores if self.direction == "higher" else scores


@dataclass(frozen=True)
class Rejected:
    """-L1(m ⊙ output, m ⊙ rejected), over the images that have a rejected ground truth (HGGT, arXiv:2303.13069).

    The papers at hand do not define m. `artefacts`: how much the residual between rejected and chosen ground truth
    varies about each pixel, over 7×7, as LDL marks artefacts (Liang, Zeng, Zhang 2022, arXiv:2203.09195, eq. 3 and 4).
    `none`: 1 everywhere.
    """

    label: str
    weight: Ramp
    mask: Literal["artefacts", "none"]

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The mean over all pixels of the batch; 0 where no image has a rejected ground truth."""
        assert batch.negative is not None
        assert batch.rejected is not None
        weight = artefacts(batch.negative, batch.target) if self.mask == "artefacts" else 1.0
        return -(batch.rejected * weight * (output - batch.negative).abs()).mean()


def artefacts(rejected: Tensor, chosen: Tensor) -> Tensor:
    """(N, 3, H, W) twice → (N, 1, H, W): local variance of the residual, times its variance to the power of 1/5."""
    residual = (rejected - chosen).abs().sum(1, keepdim=True)
    padded = torch.nn.functional.pad(residual, (3, 3, 3, 3), mode="reflect")
    mean = torch.nn.functional.avg_pool2d(padded, 7, 1)
    local = (torch.nn.functional.avg_pool2d(padded.square(), 7, 1) - mean.square()).clamp_min(0)
    return local * residual.var(dim=(1, 2, 3), keepdim=True).pow(0.2)


def labels(names: Sequence[str]) -> list[str]:
    """Distinct labels for losses in order: two of one name become `l1` and `l1-2`, so that neither hides the other."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return result


def quality_of(assessor: Assessor, direction: str) -> Callable[[Tensor], Tensor]:
    """(N, 3, H, W) → (N,), higher is better, without a gradient: what samplers of ground truths ask."""

    @torch.no_grad()
    def quality(images: Tensor) -> Tensor:
        scores = assessor.score(images, None)
        return scores if direction == "higher" else -scores

    return quality


def _mean(values: Tensor, output: Tensor, who: str) -> Tensor:
    if values.shape != output.shape[:1]:
        raise PerceptError(f"{who} returned {tuple(values.shape)}, not one value an image")
    return values.mean()
