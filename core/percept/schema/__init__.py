"""What may stand in a section of a recipe, declared once: read for checking, for defaults and for editors.

A stage declares its section so:

    from percept.schema import Component, Field, List, Section, chained

    FIDELITY = Component(
        "fidelity_loss",
        Section({"weight": Field(float, default=1.0, minimum=0), "label": Field(str)}),
        optional=True,
    )
    OPTIMIZER = Section(
        {
            "use": Field(str, default="adam", choices=("adam", "adamw", "sgd")),
            "lr": Field(float, default=1e-4, minimum=0),
            "betas": Field(List(float), default=[0.9, 0.99]),
        },
        short="use",
    )
    ADVERSARIAL = Section(
        {
            "discriminator": Field(
                Component("discriminator", Section({"init": chained("discriminator")}), optional=True)
            ),
            "starts-at": Field(int, default=0, minimum=0, doc="first step with the adversarial term"),
        }
    )
    SCHEMA = Section(
        {
            "steps": Field(int, required=True, minimum=1, doc="updates of the generator"),
            "fidelity": Field(List(FIDELITY), default=[]),
            "optimizer": Field(OPTIMIZER, default={}),
            "adversarial": Field(ADVERSARIAL),
        },
        doc="train the generator",
    )

and a resolved cell then holds plain values, every declared key present:

    {"steps": 300, "fidelity": [{"use": "l1", "weight": 1.0, "label": None, "parameters": {}}],
     "optimizer": {"use": "adam", "lr": 0.0001, "betas": [0.9, 0.99]}, "adversarial": None}

The pieces: `Field` is one key: its type (int, float, bool, str, pathlib.Path, `object` for any single value, or one of
the schemas below), and `default`, written as in a recipe. Without a default an absent key is None, and `key: null` says
the same. `Section` is a map of known keys; `short="use"`: a bare value stands for that key alone. `List` of one thing;
`lone=True`: one item need not be in brackets. `Map` has keys of the user's own. `Union` takes the first schema whose
shape fits. `Component` is `use: NAME`, the keys reserved by an extra Section, and the component's own parameters
(`crop-border` becomes `crop_border` in `parameters`); `psnr` is short for `{use: psnr}`; `optional=True` allows `none`,
which gives None, or drops the item from a list. `chained(part)` is the key `init`.
"""

from percept.schema.base import Schema
from percept.schema.chain import chained
from percept.schema.collections import List, Map
from percept.schema.component import Component
from percept.schema.findings import Findings, Problem, Use
from percept.schema.node import UNRESOLVED, Node, Position, node_of, plain
from percept.schema.scalar import Scalar
from percept.schema.section import Field, Section
from percept.schema.union import Union

__all__ = [
    "UNRESOLVED",
    "Component",
    "Field",
    "Findings",
    "List",
    "Map",
    "Node",
    "Position",
    "Problem",
    "Scalar",
    "Schema",
    "Section",
    "Union",
    "Use",
    "chained",
    "node_of",
    "plain",
]
