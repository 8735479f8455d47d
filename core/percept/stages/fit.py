"""The stage `fit`: train a metric on human scores. Its schema is fixed; this version cannot run it yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from percept.schema import Component, Field, Section

if TYPE_CHECKING:
    from percept.stages.job import Job

SCHEMA = Section(
    {
        "assessor": Field(Component("assessor"), required=True, doc="the metric to be trained"),
        "data": Field(Component("dataset"), required=True, doc="rated images or judged pairs"),
        "steps": Field(int, required=True, minimum=1),
        "batch": Field(int, default=16, minimum=1),
        "lr": Field(float, default=1e-4, minimum=0),
    },
    doc="train a metric on human scores",
)


def run(job: Job) -> None:
    """Raises PerceptError: training metrics on human scores is not part of this version."""
    from percept.errors import PerceptError

    raise PerceptError(f"{job.recipe}: the stage 'fit' is not part of this version of percept; remove it")
