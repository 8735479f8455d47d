"""The stage `assess`: restore whole images with a run's generator and score them with assessors."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from percept.schema import Component, Field, List, Section

if TYPE_CHECKING:
    from percept.contracts import Rating
    from percept.stages.job import Job
    from percept.stages.scoring import Judge, Options, Score

SCHEMA = Section(
    {
        "with": Field(List(Component("assessor", Section({"label": Field(str)})), minimum=1, lone=True), required=True),
        "crop-border": Field(int, default=0, minimum=0, doc="pixels cut from each side before scoring"),
        "eight-bit": Field(bool, default=False, doc="round outputs to 8-bit levels before scoring"),
        "keep-float": Field(bool, default=False, doc="keep the float outputs beside their PNGs"),
    },
    doc="score the outputs",
)

Row = tuple[dict[str, Any], "list[Score]"]


def run(job: Job, assessors: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Score the run's outputs on `data.test` with `assessors` (default: all of `assess.with`), and record the scores.

    An assessor that fails on an image fails there alone: that cell carries status and reason, the others go on. So
    does an image that cannot be read. Raises DataError if the test images are absent.
    """
    from percept.stages.build import build_dataset
    from percept.stages.record import record_assessment
    from percept.stages.scoring import FAILED, build_assessors

    started = time.monotonic()
    dataset = build_dataset(job.config["data"]["test"])
    options = options_of(job.config)
    judges = build_assessors(assessors or job.config["assess"]["with"], options, job.runtime.device)
    rows = _rows(job, dataset, judges)
    failed = sum(score.status == FAILED for _, scores in rows for score in scores)
    job.emit({"event": "scores", "problems": _problems(judges, rows), "failed": failed, "of": len(judges) * len(rows)})
    for label in _silent(judges, rows):
        job.emit({"event": "note", "text": f"{label} (so for all {len(rows)} images)"})
    test = test_key(job.config, dataset.fingerprint(), label_of(job.config["data"]["test"], dataset))
    record_assessment(job, [j.facts for j in judges], rows, test, time.monotonic() - started)


def options_of(config: Mapping[str, Any]) -> Options:
    """How `assess` wants images brought before the assessors."""
    from percept.stages.scoring import Options

    return Options(config["assess"]["crop-border"], config["assess"]["eight-bit"])


def label_of(config: Mapping[str, Any], dataset: Any) -> str:
    """The name under which scores on these data are kept: the recipe's, else the dataset's own or its component's."""
    return str(config.get("label") or getattr(dataset, "label", config["use"]))


def test_key(config: Mapping[str, Any], fingerprint: str, label: str) -> str:
    """Names the test set as it is used: its data, what its images are called by, and what is done to them."""
    import hashlib
    import json

    from percept.registry import registry
    from percept.stages.identity import data_identity, identity_of

    links = [(registry().find("degradation", c["use"]), c["parameters"]) for c in config["data"]["degrade"]]
    degrade = [identity_of(component, parameters) for component, parameters in links]
    identity = [data_identity(config["data"]["test"], fingerprint), label, degrade]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _rows(job: Job, dataset: Any, judges: Sequence[Judge]) -> list[Row]:
    from percept.stages.build import build_degrade
    from percept.stages.outputs import Outputs

    outputs = Outputs(job, build_degrade(job.config["data"]["degrade"]))
    label = label_of(job.config["data"]["test"], dataset)
    rows = []
    for index, name in enumerate(dataset.ids):
        facts, scores = _assess_one(job, dataset, index, outputs, judges)
        rows.append(({"id": f"{label}/{name}", "dataset": label, **facts}, scores))
        job.emit({"event": "assessed", "image": name, "number": index + 1, "of": len(dataset)})
    return rows


def _assess_one(job: Job, dataset: Any, index: int, outputs: Any, judges: Sequence[Judge]) -> Row:
    from percept.errors import ImageError
    from percept.stages.record import content_hash
    from percept.stages.scoring import FAILED, Score

    try:
        sample = dataset[index]
        restored = outputs.restore(sample)
    except ImageError as error:
        nothing = {
            "sha256": "",
            "height": 0,
            "width": 0,
            "reference": "",
            "input": "",
            "output": "",
            "output_float": "",
        }
        return nothing, [Score(float("nan"), FAILED, str(error)) for _ in judges]
    facts = {
        "sha256": content_hash(restored.target),
        "height": restored.target.shape[-2],
        "width": restored.target.shape[-1],
        **outputs.artefacts(restored, job.config["assess"]["keep-float"]),
        **_opinion(sample.rating),
    }
    output = restored.output
    if output is None:
        return facts, [Score(float("nan"), FAILED, restored.problem) for _ in judges]
    return facts, [judge.score(output, restored.target) for judge in judges]


def _opinion(rating: Rating | None) -> dict[str, Any]:
    if rating is None:
        return {}
    std = rating.std if rating.std == rating.std else None
    about = {"distortion_type": rating.distortion, "rated_reference": rating.reference}
    return {"mos": rating.mos, "mos_std": std, **about}


def _silent(judges: Sequence[Judge], rows: Sequence[Row]) -> list[str]:
    """The assessors that can judge none of the images, each with why it cannot judge the first."""
    from percept.stages.scoring import FAILED

    columns = list(zip(*(scores for _, scores in rows), strict=True))
    return [
        f"{judge.facts['label']}: {column[0].reason}"
        for judge, column in zip(judges, columns, strict=False)
        if not any(score.ok or score.status == FAILED for score in column)
    ]


def _problems(judges: Sequence[Judge], rows: Sequence[Row]) -> list[str]:
    """A line for each score that failed; an image that cannot be read at all gets one line for all its scores."""
    from percept.stages.scoring import FAILED

    lines = []
    for facts, scores in rows:
        failed = [(j.facts["label"], s.reason) for j, s in zip(judges, scores, strict=True) if s.status == FAILED]
        if len(failed) > 1 and len({reason for _, reason in failed}) == 1:
            lines.append(f"{facts['id']}: {failed[0][1]}")
        else:
            lines += [f"{facts['id']}: {label}: {reason}" for label, reason in failed]
    return lines
