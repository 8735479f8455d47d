"""The section `optimize` of a recipe."""

from __future__ import annotations

from percept.schema import Component, Field, List, Scalar, Section, Union, chained

# Kept in step with what percept.training offers, which imports torch; a test compares them.
OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "cosine-restarts", "multistep", "one-cycle")
OBJECTIVES = ("vanilla", "hinge", "lsgan", "wgan-gp", "relativistic")
GROUND_TRUTHS = ("originals", "rand", "upos", "sma", "smp", "amo")
ASKING = ("sma", "smp", "amo")
SMOOTHED = ("vanilla", "lsgan")
# Learning curves that the engine itself records.
CURVES = ("adversarial", "discriminator", "logit-gap", "gradient-penalty", "r1", "rejected")

_OPTIMIZER = Section(
    {
        "use": Field(str, default="adam", choices=OPTIMIZERS),
        "lr": Field(float, default=1e-4, minimum=0, doc="learning rate"),
        "betas": Field(List(float, minimum=2), default=[0.9, 0.99], doc="of adam and adamw"),
        "weight-decay": Field(float, default=0.0, minimum=0),
        "momentum": Field(float, default=0.9, minimum=0, maximum=1, doc="of sgd"),
    },
    short="use",
)
_SCHEDULE = Section(
    {
        "use": Field(str, default="constant", choices=SCHEDULES),
        "milestones": Field(
            List(Scalar(int, minimum=1)), default=[], doc="steps at which multistep multiplies the rate by gamma"
        ),
        "gamma": Field(float, default=0.5, minimum=0),
        "floor": Field(float, default=0.0, minimum=0, doc="the rate at which cosine ends"),
        "periods": Field(int, default=4, minimum=1, doc="how often cosine-restarts goes down"),
        "warm-up": Field(int, default=0, minimum=0, doc="steps in which the rate rises from almost nothing"),
    },
    short="use",
)
_RAMP = Section(
    {
        "from": Field(float, default=0.0, minimum=0, doc="the weight before"),
        "to": Field(float, required=True, minimum=0, doc="the weight after"),
        "over": Field(int, required=True, minimum=1, doc="steps from the one to the other"),
        "starts-at": Field(int, default=0, minimum=0, doc="the step at which it begins to change"),
        "shape": Field(str, default="linear", choices=("linear", "cosine")),
    }
)


def _weight(default: float) -> Field:
    doc = "a number, or {from, to, over, starts-at, shape}: one that changes"
    return Field(Union(Scalar(float, minimum=0), _RAMP), default=default, doc=doc)


_CURVE = Field(
    str, doc="name of its learning curve; default: its own", pattern=r"[^/\r\n\t]+", form="one line without /"
)
_LOSS = Section({"weight": _weight(1.0), "label": _CURVE})
_DISCRIMINATOR = Section({"init": chained("discriminator"), "label": Field(str)})
_JUDGE = Component("assessor", Section({"label": Field(str)}))


def _penalty(weight: float, doc: str) -> Field:
    every = Field(int, default=1, minimum=1, doc="it comes at every so many updates, and counts as often there")
    return Field(Section({"weight": Field(float, default=weight, minimum=0), "every": every}), doc=doc)


_ADVERSARIAL = Section(
    {
        "discriminator": Field(
            Component("discriminator", _DISCRIMINATOR, optional=True), required=True, doc="none: no such term"
        ),
        "objective": Field(str, default="vanilla", choices=OBJECTIVES),
        "weight": _weight(0.1),
        "starts-at": Field(int, default=0, minimum=0, doc="first step with the adversarial term: warm-up before it"),
        "optimizer": Field(_OPTIMIZER, doc="of the discriminator; default: as the generator's"),
        "schedule": Field(_SCHEDULE, doc="of its learning rate, from starts-at on; default: as the generator's"),
        "steps": Field(int, default=1, minimum=1, doc="updates of the discriminator for one of the generator"),
        "every": Field(int, default=1, minimum=1, doc="steps of the generator for one turn of the discriminator"),
        "gradient-penalty": _penalty(10.0, "(‖∇D‖ - 1)² between real and restored; wgan-gp has it by itself"),
        "r1": _penalty(10.0, "½‖∇D‖² at real images"),
        "label-smoothing": Field(
            float, default=0.0, minimum=0, maximum=1, doc="real images count as 1 minus this; of vanilla and lsgan"
        ),
    }
)
_GROUND_TRUTH = Section(
    {
        "use": Field(str, default="originals", choices=GROUND_TRUTHS, doc="how one of several is drawn"),
        "assessor": Field(_JUDGE, doc="the Q of sma, smp and amo: one that needs no reference"),
        "temperature": Field(float, default=1.0, minimum=1e-9, doc="of sma and smp, in units of Q"),
        "negative": Field(
            Section({"weight": _weight(300.0), "mask": Field(str, default="artefacts", choices=("artefacts", "none"))}),
            doc="keep away from ground truths that people rejected",
        ),
    },
    short="use",
)
_LORA = Section(
    {
        "rank": Field(int, default=4, minimum=1),
        "alpha": Field(float, minimum=0, doc="the update counts alpha/rank-fold; default: the rank"),
        "targets": Field(
            List(Scalar(str, pattern=r".+", form="a pattern"), minimum=1, lone=True),
            default=["*"],
            doc="patterns of layers' names",
        ),
    }
)
_VALIDATE = Section(
    {
        "with": Field(_JUDGE, required=True, doc="the assessor that chooses"),
        "every": Field(int, required=True, minimum=1, doc="steps between looks at data.validate"),
        "crop-border": Field(int, default=0, minimum=0, doc="pixels cut from each side before scoring"),
        "eight-bit": Field(bool, default=False, doc="round outputs to 8-bit levels before scoring"),
    }
)
SCHEMA = Section(
    {
        "steps": Field(int, required=True, minimum=1, doc="updates of the generator"),
        "batch": Field(int, default=16, minimum=1, doc="patches a step and gradient"),
        "patch": Field(int, default=128, minimum=1, doc="side of a patch of the target, pixels"),
        "augment": Field(bool, default=True, doc="flips and quarter turns"),
        "accumulate": Field(int, default=1, minimum=1, doc="batches whose gradients are averaged for one step"),
        "clip": Field(float, default=0.0, minimum=0, doc="largest norm of a network's gradient; 0: any"),
        "optimizer": Field(_OPTIMIZER, default={}),
        "schedule": Field(_SCHEDULE, default={}, doc="of the learning rate"),
        "fidelity": Field(List(Component("fidelity_loss", _LOSS, optional=True), lone=True), default=[]),
        "quality": Field(
            List(Component("assessor", _LOSS, optional=True), lone=True),
            default=[],
            doc="assessors that are optimised themselves, each as -weight·Q",
        ),
        "adversarial": Field(_ADVERSARIAL),
        "ground-truth": Field(_GROUND_TRUTH, default={}, doc="which of several ground truths is the target"),
        "lora": Field(_LORA, doc="train only low-rank updates of the generator's layers"),
        "ema": Field(float, default=0.0, minimum=0, maximum=1, doc="decay of the weights' moving average; 0: none"),
        "validate": Field(_VALIDATE, doc="keep, and assess, the weights that were the best on data.validate"),
        "log-every": Field(int, default=10, minimum=1, doc="steps between points of the learning curves"),
        "checkpoint-every": Field(int, default=0, minimum=0, doc="steps; 0: about every ten seconds"),
    },
    doc="train the generator",
)
