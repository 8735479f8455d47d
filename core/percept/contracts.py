"""What an implementation must do: the protocols behind the six kinds, and the checks that they share.

An *image batch* is float32, (N, 3, H, W), sRGB in [0, 1], RGB order. Nothing here imports torch at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from percept.errors import DataError, ImageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = [
    "LABELS",
    "Assessor",
    "DataError",
    "Dataset",
    "Degradation",
    "Discriminator",
    "FidelityLoss",
    "Generator",
    "ImageError",
    "Rating",
    "Sample",
    "check_images",
    "check_pair",
]

# What people say of a further ground truth beside the target: better, as good, worse (HGGT, arXiv:2303.13069).
LABELS = ("positive", "similar", "negative")


class Generator(Protocol):
    """An nn.Module: degraded batch (N, 3, h, w) → restored batch (N, 3, h·scale, w·scale), not necessarily clamped.

    A constructor parameter `scale` is filled from the recipe's degradation where the recipe does not give it. One
    whose spec says `per_image` has a method `adopt(inputs)` too: from (N, 3, h, w) it makes its parameters, and keeps
    the inputs beside them, as `inputs` of its state_dict; it then answers to these, alone or together, and no others.

    One whose spec says `by_name` looks at no input: `ids` are the names that it has outputs for, `named(id)` is one of
    them, (1, 3, H, W) in [0, 1], and `fingerprint()` hashes them all, wherever they lie. `named` raises ImageError, in
    one line that says what to put where, for what is absent or damaged; so does calling it.

    It may have a method `translate(weights)`: the tensors of a published checkpoint, name → value, under the names of
    its own state_dict; names that are its own already, and those that it does not know, stay as they are. `init:` calls
    it with what the file holds, wrappers such as `params_ema` taken off.
    """

    def __call__(self, degraded: Tensor) -> Tensor: ...


class Discriminator(Protocol):
    """An nn.Module: images (N, 3, H, W) → logits (N, 1, h, w), positive for real; h = w = 1 for a whole-image head.

    Where the least size of an image depends on its parameters, it has an attribute `min_size`, which wins over the
    spec's. It may have a method `translate`, as a generator may.
    """

    @property
    def backbone(self) -> nn.Module:
        """The feature network alone: what an IQA model can be initialised from."""

    def __call__(self, images: Tensor) -> Tensor: ...


class FidelityLoss(Protocol):
    """An nn.Module: (output, target), both (N, 3, H, W) → (N,), lower is better.

    Gradients are finite everywhere, also at output = target and on flat images; `output` may leave [0, 1].
    A loss whose spec says `reference: none` ignores the target.
    """

    def __call__(self, output: Tensor, target: Tensor) -> Tensor: ...


class Assessor(Protocol):
    """Two phases: `prepare` once per reference, `score` for each candidate. Often an nn.Module; need not be one.

    No image's score depends on the others in its batch. Images arrive clamped to [0, 1]. A reference-free assessor is
    scored with `state=None`.
    """

    def prepare(self, reference: Tensor) -> Any:
        """Whatever of the reference (N, 3, H, W) is worth computing once; by default the reference itself."""
        return reference

    def score(self, images: Tensor, state: Any) -> Tensor:
        """(N, 3, H, W) and a prepared state → (N,) scores in the metric's own units and direction.

        A state prepared from one reference (1, 3, H, W) is broadcast over the batch.
        """
        ...


class Degradation(Protocol):
    """Target batch (N, 3, H, W) → degraded batch (N, 3, H/scale, W/scale), on the device of its input.

    All randomness comes from `rng`; None draws from torch's global generator. H and W are multiples of `scale`.
    """

    scale: int

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Rating:
    """What people said of an image.

    mos         mean opinion score, higher is better; a dataset whose people rated differences negates them
    std         standard deviation of the opinions, or NaN
    reference   id of the image that it was made from, or ""
    distortion  what was done to that, or ""
    """

    mos: float
    std: float = float("nan")
    reference: str = ""
    distortion: str = ""


@dataclass(frozen=True)
class Sample:
    """One item of a dataset; which fields are filled follows from the `content` of its spec.

    id        unique in the dataset; for files, the path below the root without its suffix
    target    (3, H, W) float32 in [0, 1]: the image itself, or the ground truth
    degraded  (3, h, w): the input that belongs to it, where the dataset has its own
    targets   further ground truths of the same size, best first, and one of LABELS for each as its `labels`
    rating    human scores: of `degraded` if it is there, of which `target` is the reference, else of `target`
    """

    id: str
    target: Tensor
    degraded: Tensor | None = None
    targets: tuple[Tensor, ...] = ()
    labels: tuple[str, ...] = ()
    rating: Rating | None = None


class Dataset(Protocol):
    """A fixed, ordered collection. Constructing it finds the files; `[i]` decodes one.

    Constructors raise DataError, in one line that says what to put where, if the data are absent. `[i]` raises
    ImageError naming the file if it cannot be decoded. A dataset may have a `label`, the name under which scores on it
    are kept; without one it is the component's name.
    """

    @property
    def ids(self) -> Sequence[str]:
        """The samples' names, in order, all different."""

    def fingerprint(self) -> str:
        """Hash of everything that determines the samples; equal on any machine that holds the same data."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def check_images(images: Tensor, who: str, min_size: int = 1) -> None:
    """Raise ImageError, in the name of `who`, unless `images` is (N, 3, H, W), floating point, H and W ≥ `min_size`."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise ImageError(f"{who} takes (N, 3, H, W), not {tuple(images.shape)}")
    if not images.is_floating_point():
        raise ImageError(f"{who} takes floating-point images in [0, 1], not {images.dtype}")
    height, width = images.shape[-2:]
    if min(height, width) < min_size:
        raise ImageError(f"{who} needs at least {min_size}×{min_size} pixels, this image has {width}×{height}")


def check_pair(output: Tensor, target: Tensor, who: str, min_size: int = 1) -> None:
    """`check_images` for both, and that their height and width agree; one of the two batch sizes may be 1."""
    check_images(output, who, min_size)
    check_images(target, who, min_size)
    if output.shape[-2:] != target.shape[-2:] or (
        output.shape[0] != target.shape[0] and 1 not in (output.shape[0], target.shape[0])
    ):
        raise ImageError(f"{who}: shapes differ: {tuple(output.shape)} against {tuple(target.shape)}")
