"""Specs: the frozen, torch-free description of one component. Hooks return them; listing and checking read them.

Nothing heavier than `dataclasses` may be imported here: `percept plugins list` must not wait for torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

Kind = Literal["generator", "discriminator", "fidelity_loss", "assessor", "dataset", "degradation"]
Reference = Literal["full", "none", "set"]
Direction = Literal["higher", "lower"]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A file of trained parameters: `url` where it is published, its `sha256` and size in `bytes`, and its terms."""

    url: str
    sha256: str
    bytes: int
    licence: str
    commercial: bool


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every kind of component says of itself.

    name            lower case, digits and hyphens: `ms-ssim`
    summary         one line for listings
    target          `module:attribute`, imported when the component is first built
    arguments       parameters of the target that this name stands for (`psnr-y` = PSNR with colour="y"); a user's own
                    parameters win over them
    version         changes whenever the same input gives another result, and runs and scores are kept by it;
                    empty: the version of the distribution
    cites           arXiv identifiers (`arXiv:2004.07728`) or DOIs (`doi:10.1109/…`); authors, title and
                    year where there is neither
    licence         SPDX identifier of the implementation
    weights         files of trained parameters that it loads
    known_failures  conformance check → why this component does not meet it; an unnamed failure is an error

    Raises ValueError if the name or the target is not of that form.
    """

    kind: ClassVar[Kind]

    name: str
    summary: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    cites: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    weights: tuple[Weights, ...] = ()
    known_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"component name {self.name!r}: use lower case, digits and single hyphens, as in 'ms-ssim'"
            )
        if not _TARGET.fullmatch(self.target):
            raise ValueError(f"{self.name}: target {self.target!r} is not 'package.module:attribute'")


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec(Spec):
    """A restoration network. `scales`: the magnifications that it offers, 1 for same-size restoration.

    task       `super-resolution`, `denoising`, `restoration`, …
    temporal   takes video (N, T, 3, H, W) rather than images
    trainable  has parameters that `optimize` can train; `bicubic` has none
    per_image  its parameters are the images themselves: `optimize` works on `data.test`, the very images that are
               assessed, whole and all at once, and it has a method `adopt(inputs)` that says where they start
    by_name    gives the output that belongs to a sample's id, and looks at no input: outputs made elsewhere; it has
               `ids`, `named(id)` and `fingerprint()`, and `scales` says nothing
    min_size   smallest side of its input, pixels

    Raises ValueError for one by name that is trainable, temporal or per image.
    """

    kind: ClassVar[Kind] = "generator"

    task: str = "super-resolution"
    scales: tuple[int, ...] = (1,)
    temporal: bool = False
    trainable: bool = True
    per_image: bool = False
    by_name: bool = False
    min_size: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by_name and (self.trainable or self.temporal or self.per_image):
            raise ValueError(f"{self.name}: a generator by name is not trainable, temporal or per image")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSpec(Spec):
    """A network that tells real from restored. `output`: one logit an image, a patch or a pixel.

    min_size   smallest side of its input, pixels
    """

    kind: ClassVar[Kind] = "discriminator"

    output: Literal["image", "patch", "pixel"]
    min_size: int = 1


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """The facts that both lives of a metric share.

    reference       full: compares with a reference; none: looks at the image alone; set: compares with a collection
    direction       which way is better: `higher` or `lower`
    range           (lowest, highest) value; use ±inf where there is no bound
    differentiable  has gradients that one may descend
    colour          what it looks at: `rgb`, `luma` (BT.601, 16–235), `gray` (MATLAB's rgb2gray), `yiq`, …
    variant         window, downsampling, constants: whatever distinguishes this from its namesakes elsewhere
    formula         the formula in one line
    symmetric       score(x, y) = score(y, x)
    min_size        smallest side of an image that it takes, pixels
    """

    reference: Reference = "full"
    direction: Direction
    range: tuple[float, float]
    differentiable: bool = True
    colour: str = "rgb"
    variant: str = ""
    formula: str = ""
    symmetric: bool = False
    min_size: int = 1


@dataclass(frozen=True, kw_only=True)
class FidelityLossSpec(MetricSpec):
    """A metric as an objective. Lower is better, always; `range` is that of the loss."""

    kind: ClassVar[Kind] = "fidelity_loss"

    direction: Direction = "lower"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.direction != "lower" or not self.differentiable:
            raise ValueError(f"{self.name}: a fidelity loss is differentiable, and lower is better")


@dataclass(frozen=True, kw_only=True)
class AssessorSpec(MetricSpec):
    """A metric as a judge, in its own units and direction."""

    kind: ClassVar[Kind] = "assessor"

    def as_loss(self, **changes: Any) -> FidelityLossSpec:
        """The same metric's other life: the same facts and target, lower is better; `changes` replace facts."""
        facts = {f.name: getattr(self, f.name) for f in fields(self)}
        return FidelityLossSpec(**{**facts, "direction": "lower", **changes})


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """Images for training or assessing.

    content   images · pairs (degraded, target) · groups (several ground truths) · rated (human scores) · judged (pairs)
    splits    the values that its parameter `split` takes; the first is the default
    """

    kind: ClassVar[Kind] = "dataset"

    content: Literal["images", "pairs", "groups", "rated", "judged"] = "images"
    splits: tuple[str, ...] = ("train", "test")


@dataclass(frozen=True, kw_only=True)
class DegradationSpec(Spec):
    """What turns a target into the input of a generator.

    stochastic   draws random numbers, so that every use of an image may give another input
    resizes      makes images smaller: its parameter `scale` says by how much
    """

    kind: ClassVar[Kind] = "degradation"

    stochastic: bool = False
    resizes: bool = False


SPECS: Mapping[Kind, type[Spec]] = {
    cls.kind: cls
    for cls in (GeneratorSpec, DiscriminatorSpec, FidelityLossSpec, AssessorSpec, DatasetSpec, DegradationSpec)
}
