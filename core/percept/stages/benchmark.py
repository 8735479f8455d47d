"""The stage `benchmark`: hold assessors against human scores. Its schema is fixed; this version cannot run it yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from percept.schema import Component, Field, List, Section

if TYPE_CHECKING:
    from percept.stages.job import Job

SCHEMA = Section(
    {
        "with": Field(List(Component("assessor"), minimum=1, lone=True), required=True),
        "data": Field(List(Component("dataset"), minimum=1, lone=True), required=True, doc="rated images"),
    },
    doc="hold assessors against human scores",
)


def run(job: Job) -> None:
    """Raises PerceptError: holding assessors against human scores is not part of this version."""
    from percept.errors import PerceptError

    raise PerceptError(f"{job.recipe}: the stage 'benchmark' is not part of this version of percept; remove it")
