"""Judging tasks in order: each file is decoded once, each reference prepared once for each assessor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from percept.errors import ImageError
from percept.stages.files.ahead import decoded
from percept.stages.files.comparison import Comparison, Judged
from percept.stages.files.match import Candidate, Task
from percept.stages.judge import Judge
from percept.stages.score import Options
from percept.stages.scoring import build_assessors
from percept.training.runtime import Runtime


def set_up(device: str, threads: int) -> Runtime:
    """Make this process as the stage `assess` finds it by default; raises InputError if the device is not there."""
    defaults = {"precision": "float32", "deterministic": True, "channels-last": False, "compile": False, "processes": 1}
    return Runtime.setup({"device": device, **defaults}, threads)


class Bench:
    """Assessors that judge the same images; each is built when an image first wants it.

    configs   what they are, as a recipe's `assess.with` has them, and `facts` what records keep of them
    identify  hash the references, for records

    One reference's states and a few images are held at a time, however many there are.
    """

    def __init__(
        self,
        configs: Sequence[Mapping[str, Any]],
        facts: Sequence[Mapping[str, Any]],
        options: Options,
        device: torch.device,
        identify: bool = False,
    ) -> None:
        self.device, self._options, self._identify = device, options, identify
        self._configs = {one["key"]: (config, one) for config, one in zip(configs, facts, strict=True)}
        self._compares = identify or any(one["reference"] != "none" for one in facts)
        self._built: dict[str, Judge] = {}

    def judge(self, tasks: Sequence[Task]) -> Iterator[Judged]:
        """Every candidate of every task; one that cannot be read or compared costs its own scores only."""
        judges = self._judges(tasks)
        with closing(decoded(path for task in tasks for path in self._files(task))) as images:
            for task in tasks:
                yield from self._judge(task, judges, images)

    def _judges(self, tasks: Sequence[Task]) -> list[Judge]:
        candidates = [candidate for task in tasks for candidate in task.candidates]
        for key, (config, _) in self._configs.items():
            if key not in self._built and any(key not in candidate.known for candidate in candidates):
                (self._built[key],) = build_assessors([config], self._options, self.device)
        return [
            self._built.get(key) or Judge(dict(one), None, self._options) for key, (_, one) in self._configs.items()
        ]

    def _judge(self, task: Task, judges: Sequence[Judge], images: Iterator[Tensor | ImageError]) -> Iterator[Judged]:
        reference = next(images) if self._reads_reference(task) else None
        comparison = Comparison(task, judges, reference, self._identify)
        for candidate in task.candidates:
            if self._wants(candidate):
                yield comparison.judge(candidate, next(images))
            else:
                yield comparison.known(candidate)

    def _files(self, task: Task) -> Iterator[Path]:
        """What `_judge` asks for, in its order."""
        if task.reference and self._reads_reference(task):
            yield task.reference
        yield from (candidate.path for candidate in task.candidates if self._wants(candidate))

    def _reads_reference(self, task: Task) -> bool:
        return self._compares and task.reference is not None and any(map(self._wants, task.candidates))

    def _wants(self, candidate: Candidate) -> bool:
        return not self._configs.keys() <= candidate.known.keys()
