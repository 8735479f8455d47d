"""Scores of image files made elsewhere: sets of files, matched with references by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from percept.errors import InputError
from percept.registry import registry
from percept.stages.files.assessed import Assessed
from percept.stages.files.comparison import Judged
from percept.stages.files.find import find_sets
from percept.stages.files.match import Task, match
from percept.stages.files.pool import judge_in_processes
from percept.stages.files.references import References
from percept.stages.files.work import Bench, set_up
from percept.stages.score import Options
from percept.stages.scoring import assessor_facts

if TYPE_CHECKING:
    from percept.stages.files.keep import Keeper
    from percept.training.runtime import Runtime

_AS_THEY_ARE = Options()

__all__ = ["Assessed", "Judged", "Options", "assess_files"]


def assess_files(
    paths: Sequence[str | Path],
    assessors: Sequence[str],
    reference: str | Path | None = None,
    *,
    options: Options = _AS_THEY_ARE,
    suffixes: Sequence[str] = (),
    names: Sequence[str] = (),
    store: str | Path | None = None,
    label: str = "",
    device: str = "auto",
    jobs: int = 1,
    watch: Callable[[Iterable[Judged], int], Iterable[Judged]] = lambda images, _total: images,
) -> Assessed:
    """Score images by every assessor; one that cannot be scored is reported in its entry and costs no other.

    paths      folders, files and patterns: see `find_sets`
    reference  an image for all, or a folder or pattern of images that have the same names: see `References`
    suffixes   what names may have besides the name that they share
    names      of the sets, instead of their folders' names
    store      where scores are kept, and not computed a second time
    label      name of the data in the store; default: the references' folder
    jobs       processes
    watch      gets all images while they are judged, and their number; for progress

    Raises InputError if a path is absent, ComponentError if an assessor is unknown or wants a reference.
    """
    configs, facts = _resolved(assessors, options, reference)
    sets = find_sets(paths, names)
    references = References(reference, suffixes) if reference else None
    needed = references if store is not None or any(one["reference"] != "none" for one in facts) else None
    tasks = match(sets, needed)
    runtime = set_up(device, torch.get_num_threads())
    bench = Bench(configs, facts, options, runtime.device, identify=store is not None)
    keeper = _keeper(store, tasks, facts, label or (references.label if references else ""), runtime)
    if keeper:
        tasks = keeper.informed(tasks)
    judged = judge_in_processes(bench, tasks, jobs) if jobs > 1 else bench.judge(tasks)
    watched = watch(judged, sum(len(one.images) for one in sets))
    images = list(keeper.keep(watched) if keeper else watched)
    place = {one.name: number for number, one in enumerate(sets)}
    images.sort(key=lambda one: place[one.candidate.set])
    compared = needed.files if needed and not needed.only else {}
    return Assessed(facts, list(place), images, compared, *(keeper.told() if keeper else ()))


def _resolved(
    names: Sequence[str], options: Options, reference: str | Path | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Configuration and facts of each assessor, once however often it is named."""
    configs: list[dict[str, Any]] = [{"use": name, "parameters": {}} for name in names]
    known = [assessor_facts(registry().find("assessor", config["use"]), config, options) for config in configs]
    wanting = [facts["label"] for facts in known if facts["reference"] != "none"]
    if wanting and reference is None:
        raise InputError(f"{', '.join(wanting)}: nothing to compare with; give --reference")
    once = {facts["key"]: (config, facts) for config, facts in zip(configs, known, strict=True)}
    return [config for config, _ in once.values()], [facts for _, facts in once.values()]


def _keeper(
    store: str | Path | None, tasks: Sequence[Task], facts: Sequence[Mapping[str, Any]], label: str, runtime: Runtime
) -> Keeper | None:
    if store is None:
        return None
    from percept_store import Store

    from percept.stages.files.keep import Keeper

    return Keeper(Store(store), tasks, facts, label, runtime)
