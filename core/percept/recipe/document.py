"""What a recipe consists of: its head, said once, and its body, resolved anew for each cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from percept.schema import Component, Field, Findings, List, Node, Section, Union, chained
from percept.schema.words import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1

_NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
_DATASET = Component("dataset", Section({"label": Field(str, doc="name of the data in scores, instead of its own")}))
_DATA = Section(
    {
        "train": Field(_DATASET, doc="what optimize and fit learn from"),
        "validate": Field(_DATASET, doc="what optimize.validate chooses the best weights on"),
        "test": Field(_DATASET, doc="what assess restores and scores"),
        "degrade": Field(
            List(Component("degradation", optional=True), lone=True),
            default=[],
            doc="what turns targets into inputs, in this order",
        ),
    },
    doc="images and what is done to them",
)
_RUNTIME = Section(
    {
        "device": Field(
            str,
            default="auto",
            pattern=r"auto|cpu|cuda(:[0-9]+)?",
            form="auto, cpu, cuda or cuda:N",
            doc="where to compute",
        ),
        "threads": Field(
            int, default=0, minimum=0, maximum=4096, doc="of each cell; 0: the cores divided among the cells"
        ),
        "deterministic": Field(bool, default=True, doc="avoid operations whose result differs from time to time"),
        "precision": Field(
            str,
            default="float32",
            choices=("float32", "tf32", "bfloat16", "float16"),
            doc="of the networks; tf32 on GPUs",
        ),
        "channels-last": Field(bool, default=False, doc="keep images as (N, H, W, C): convolutions may be faster"),
        "compile": Field(bool, default=False, doc="compile the generator; needs a C++ compiler or Triton"),
        "images": Field(
            str,
            default="memory",
            choices=("memory", "disk"),
            doc="where decoded training images are kept: in each process, or in files beside the checkpoints, for all",
        ),
        "processes": Field(int, default=1, minimum=1, maximum=1024, doc="that share each batch: one a GPU"),
    },
    doc="the machine",
)
HEAD = Section(
    {
        "percept": Field(int, required=True, doc=f"version of the recipe format: {VERSION}"),
        "name": Field(str, pattern=_NAME, form="lower case, digits and hyphens", doc="default: the name of the file"),
        "summary": Field(str, doc="one line for listings"),
        "extends": Field(Union(Path, List(Path)), doc="recipes that this one changes; paths relative to this file"),
    }
)


def body(stages: Mapping[str, Section]) -> Section:
    """The schema of what a cell consists of."""
    label = Field(str, doc="its name in scores, instead of its own with its parameters")
    generator = Component(
        "generator", Section({"init": chained("generator"), "adapter": chained("lora"), "label": label})
    )
    return Section(
        {
            "data": Field(_DATA, default={}, doc=_DATA.doc),
            "generator": Field(generator, required=True, doc="the network, or whatever else makes the outputs"),
            **{name: Field(schema, doc=schema.doc) for name, schema in stages.items()},
            "seed": Field(int, default=0, minimum=0, maximum=2**32 - 1, doc="of everything that is random"),
            "runtime": Field(_RUNTIME, default={}, doc=_RUNTIME.doc),
        }
    )


def check_head(tree: Node, stages: Mapping[str, Section], findings: Findings) -> tuple[str | None, str]:
    """Name and summary of the recipe, where it gives them; problems of its head, and keys that it cannot have."""
    known = [*HEAD.fields, *body(stages).fields, "matrix"]
    for key in tree.value:
        if key not in known:
            findings.add(tree.at(key), key, "unknown key" + suggestion(key, known, "there are"))
    head = HEAD.read(tree.only(HEAD.fields), "", findings)
    if head["percept"] not in (None, VERSION):
        message = f"this is a recipe of format {head['percept']}, and this percept reads format {VERSION}"
        findings.add(tree.value["percept"].position, "percept", message)
    if stages and not any(tree.value.get(stage) and tree.value[stage].value is not None for stage in stages):
        findings.add(tree.position, "", f"there is nothing to do; give it {' or '.join(stages)}")
    return head["name"], head["summary"] or ""
