"""From `data` and `optimize` of a resolved cell to what training takes its batches from."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import torch

from percept.contracts import Dataset
from percept.registry import registry
from percept.specs import AssessorSpec, Kind
from percept.stages.build import build_dataset, build_degrade
from percept.stages.identity import identity_of, learns_from
from percept.stages.job import Job
from percept.training.ahead import Ahead, pinned
from percept.training.ground_truths import GroundTruths
from percept.training.items import in_memory
from percept.training.kept import FORMAT, InFiles
from percept.training.patches import PatchSampler
from percept.training.runtime import seed_of
from percept.training.sampler import Sampler
from percept.training.terms import quality_of
from percept.training.whole_images import WholeImages


def build_sampler(job: Job) -> PatchSampler | WholeImages:
    """Patches of `data.train`, or the test images themselves where they are their own generator.

    Raises DataError if the images do not serve.
    """
    config, group = job.config["optimize"], job.runtime.group
    degrade = build_degrade(job.config["data"]["degrade"])
    dataset = build_dataset(job.config["data"][learns_from(job.config)])
    if learns_from(job.config) == "test":
        return WholeImages(dataset, degrade)
    seed = seed_of(job.config["seed"], "patches")
    truths, negative = _ground_truths(job), bool(config["ground-truth"]["negative"])
    sizes = (config["patch"], config["batch"], config["augment"])
    keep = InFiles(_images(job, dataset)) if job.config["runtime"]["images"] == "disk" else in_memory
    return PatchSampler(dataset, degrade, *sizes, seed, truths, negative, group, keep)


def _images(job: Job, dataset: Dataset) -> Path:
    """The folder of the training images as this recipe decodes them."""
    data, truth = job.config["data"], job.config["optimize"]["ground-truth"]
    uses: list[tuple[Kind, Any]] = [("dataset", data["train"]), *(("degradation", link) for link in data["degrade"])]
    chain = [identity_of(registry().find(kind, c["use"]), c["parameters"]) for kind, c in uses]
    every_target = truth["use"] != "originals" or bool(truth["negative"])
    made_by = [FORMAT, torch.__version__, importlib.metadata.version("pillow")]
    made_of = [chain, dataset.fingerprint(), every_target, made_by]
    return job.images / hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def ahead(job: Job, sampler: PatchSampler | WholeImages) -> Sampler:
    """On a GPU, patches are cut while it works; a processor has nothing to gain by doing two things at once."""
    if job.runtime.device.type == "cuda" and isinstance(sampler, PatchSampler):
        return Ahead(sampler, pinned)
    return sampler


def _ground_truths(job: Job) -> GroundTruths:
    config = job.config["optimize"]["ground-truth"]
    if not config["assessor"]:
        return GroundTruths(config["use"])
    name, parameters = config["assessor"]["use"], config["assessor"]["parameters"]
    spec = registry().find("assessor", name).spec
    assert isinstance(spec, AssessorSpec)
    # On the processor, where the ground truths are.
    quality = quality_of(registry().build("assessor", name, **parameters), spec.direction)
    return GroundTruths(config["use"], quality, config["temperature"])
