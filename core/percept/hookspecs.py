"""The six hooks: everything that a plugin can tell percept.

A plugin is a distribution with one entry point in the group `percept` that names a module. That module marks
functions of these names with `@hookimpl`; each takes no arguments and returns specs. The module must import in
milliseconds: no torch, numpy or xarray, which belong in the modules that the specs' targets name.

    from percept.hookspecs import hookimpl
    from percept.specs import AssessorSpec

    @hookimpl
    def percept_assessors() -> list[AssessorSpec]:
        return [AssessorSpec(name="my-metric", summary="…", target="my_package.metric:MyMetric",
                             direction="higher", range=(0.0, 1.0))]
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from percept.specs import (
    AssessorSpec,
    DatasetSpec,
    DegradationSpec,
    DiscriminatorSpec,
    FidelityLossSpec,
    GeneratorSpec,
)

hookspec = pluggy.HookspecMarker("percept")
hookimpl = pluggy.HookimplMarker("percept")


@hookspec
def percept_generators() -> Iterable[GeneratorSpec]:  # type: ignore[empty-body]  # a hook spec has no body
    """Networks that restore images: degraded batch → restored batch."""


@hookspec
def percept_discriminators() -> Iterable[DiscriminatorSpec]:  # type: ignore[empty-body]  # as above
    """Networks that tell real images from restored ones."""


@hookspec
def percept_fidelity_losses() -> Iterable[FidelityLossSpec]:  # type: ignore[empty-body]  # as above
    """Metrics as objectives: (output, target) → one loss an image, lower is better."""


@hookspec
def percept_assessors() -> Iterable[AssessorSpec]:  # type: ignore[empty-body]  # as above
    """Metrics as judges: one score an image, in the metric's own units."""


@hookspec
def percept_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]  # as above
    """Images, pairs, groups, rated images or judged pairs."""


@hookspec
def percept_degradations() -> Iterable[DegradationSpec]:  # type: ignore[empty-body]  # as above
    """Ways to spoil a target into a generator's input."""
