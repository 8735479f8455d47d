"""What a run makes of the test images: restored by its final weights, kept as artefacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from percept.contracts import Sample
from percept.errors import PerceptError
from percept.images import to_uint8
from percept.stages.build import build_generator, load_artefact
from percept.stages.job import Job
from percept.training.degrade import Chain


@dataclass(frozen=True)
class Restored:
    """One test image: target, degraded input and output, each (1, 3, ·, ·), the output clamped to [0, 1]."""

    target: Tensor
    degraded: Tensor
    output: Tensor


class Outputs:
    """Restores test images with the run's generator: its `ema` weights where it has them, else the last ones."""

    def __init__(self, job: Job, degrade: Chain) -> None:
        self.job = job
        self.degrade = degrade
        self._generator: nn.Module | None = None

    @torch.no_grad()
    def restore(self, sample: Sample) -> Restored:
        """Degrade (unless the sample brings its own input) and restore one whole image of any size."""
        degraded, target = self.degrade.pair(sample)
        output = self._run(degraded, target.shape[-1] // degraded.shape[-1])
        if output.shape != target.shape:
            raise PerceptError(f"{sample.id}: the generator returned {tuple(output.shape)}, not {tuple(target.shape)}")
        return Restored(target, degraded, output)

    def artefacts(self, restored: Restored, keep_float: bool) -> dict[str, str]:
        """Store the three images as PNG, and the float output too if asked; returns their names."""
        keep = self.job.store.artefacts
        kept = {
            "reference": keep.put_image(to_uint8(restored.target[0])),
            "input": keep.put_image(to_uint8(restored.degraded[0])),
            "output": keep.put_image(to_uint8(restored.output[0])),
            "output_float": "",
        }
        if keep_float:
            kept["output_float"] = keep.put_array(restored.output[0].numpy())
        return kept

    def _run(self, degraded: Tensor, scale: int) -> Tensor:
        runtime = self.job.runtime
        if self._generator is None:
            self._generator = self._load(scale)
        with runtime.autocast():
            output: Tensor = self._generator(runtime.move(degraded))
        return output.float().clamp(0, 1).cpu()

    def _load(self, scale: int) -> nn.Module:
        generator = build_generator(self.job, scale)
        record: Any = self.job.store.ledger.latest("run", self.job.key)
        weights = record.header["weights"] if record else {}
        if weights:
            load_artefact(self.job, generator, weights.get("ema") or weights["generator"])
        return generator.eval()
