"""What a run makes of the test images: restored by its final weights, or made elsewhere; kept as artefacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from percept.contracts import Sample
from percept.errors import ImageError, PerceptError
from percept.images import to_uint8
from percept.registry import registry
from percept.specs import GeneratorSpec
from percept.stages.build import build_generator, load_artefact
from percept.stages.identity import is_file
from percept.stages.job import Job
from percept.training.degrade import Chain

# The weights of a trained generator that speak for it: chosen by validation, averaged, or simply the last.
ASSESSED = ("best", "ema", "generator")


@dataclass(frozen=True)
class Restored:
    """One test image: target, degraded input and output, each (1, 3, ·, ·), the output clamped to [0, 1].

    There is no input where outputs made elsewhere are assessed and the recipe does not say what they were made of, and
    no output where one of these is absent, damaged or of another size than its target: `problem` says so.
    """

    target: Tensor
    degraded: Tensor | None
    output: Tensor | None
    problem: str = ""


class Outputs:
    """Restores test images with the run's generator: with the first of ASSESSED that it has left.

    A generator by name is asked for the output that belongs to the sample's id.
    """

    def __init__(self, job: Job, degrade: Chain) -> None:
        self.job = job
        self.degrade = degrade
        self._generator: Any = None
        spec = registry().find("generator", job.config["generator"]["use"]).spec
        self._by_name = isinstance(spec, GeneratorSpec) and spec.by_name

    @torch.no_grad()
    def restore(self, sample: Sample) -> Restored:
        """Degrade (unless the sample brings its own input) and restore one whole image of any size."""
        degraded, target = self.degrade.pair(sample)
        if self._by_name:
            known = bool(self.degrade.links) or sample.degraded is not None
            return self._found(sample.id, target, degraded if known else None)
        output = self._run(degraded, target.shape[-1] // degraded.shape[-1])
        if output.shape != target.shape:
            raise PerceptError(f"{sample.id}: the generator returned {tuple(output.shape)}, not {tuple(target.shape)}")
        return Restored(target, degraded, output)

    def artefacts(self, restored: Restored, keep_float: bool) -> dict[str, str]:
        """Store the images that there are as PNG, and the float output too if asked; returns their names."""
        keep = self.job.store.artefacts
        images = {"reference": restored.target, "input": restored.degraded, "output": restored.output}
        kept = {what: "" if image is None else keep.put_image(to_uint8(image[0])) for what, image in images.items()}
        kept["output_float"] = ""
        if keep_float and restored.output is not None:
            kept["output_float"] = keep.put_array(restored.output[0].numpy())
        return kept

    def _starts_at_random(self) -> bool:
        config = self.job.config["generator"]
        spec = registry().find("generator", config["use"]).spec
        given = (
            "generator" in self.job.initial or config.get("init") or any(map(is_file, config["parameters"].values()))
        )
        return isinstance(spec, GeneratorSpec) and spec.trainable and not given

    def _run(self, degraded: Tensor, scale: int) -> Tensor:
        runtime = self.job.runtime
        if self._generator is None:
            self._generator = self._load(scale)
        with runtime.autocast():
            output: Tensor = self._generator(runtime.move(degraded))
        return output.float().clamp(0, 1).cpu()

    def _found(self, name: str, target: Tensor, degraded: Tensor | None) -> Restored:
        try:
            return Restored(target, degraded, self._named(name, target))
        except ImageError as error:
            return Restored(target, degraded, None, str(error))

    def _named(self, name: str, target: Tensor) -> Tensor:
        if self._generator is None:
            config = self.job.config["generator"]
            self._generator = registry().build("generator", config["use"], **config["parameters"])
        output: Tensor = self._generator.named(name)
        if output.shape != target.shape:
            sizes = [f"{image.shape[-1]}×{image.shape[-2]}" for image in (output, target)]
            raise ImageError(
                f"{name}: its output has {sizes[0]} pixels, its target {sizes[1]}; "
                "check data.test and data.degrade, which say what the target is"
            )
        return output.float().clamp(0, 1)

    def _load(self, scale: int) -> nn.Module:
        generator = build_generator(self.job, scale)
        record: Any = self.job.store.ledger.latest("run", self.job.key)
        weights = record.header["weights"] if record else {}
        if weights:
            load_artefact(self.job, generator, next(weights[part] for part in ASSESSED if part in weights))
        elif self._starts_at_random():
            use = self.job.config["generator"]["use"]
            self.job.emit({"event": "note", "text": f"{use} has random weights: no init, and nothing trains it"})
        return generator.eval()
