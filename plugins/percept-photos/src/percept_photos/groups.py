"""Photographs with several ground truths each, made by classical operations, where HGGT has ones that people labelled.

A stand-in: those of HGGT (Chen et al., CVPR 2023, arXiv:2303.13069) were enhanced by networks and judged by people.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from math import ceil, inf
from typing import TYPE_CHECKING, Literal, NamedTuple

from percept.contracts import Sample
from percept.primitives import gaussian, separable
from torch.nn.functional import pad

from percept_photos.photos import Photos

if TYPE_CHECKING:
    from torch import Tensor


class Version(NamedTuple):
    """A further ground truth: its name, the label that it is given, and the two parameters of `emphasised`."""

    name: str
    label: str
    sigma: float
    amount: float


VERSIONS = (
    Version("sharper", "positive", 1.0, 0.5),
    Version("clearer", "positive", 5.0, 0.2),
    Version("contrast", "similar", inf, 0.05),
    Version("smoothed", "negative", 1.5, -1.0),
    Version("oversharpened", "negative", 2.0, 3.0),
)


class PhotoGroups:
    """The photographs of `photos`, each with five further ground truths of its size, best first: VERSIONS.

    Nobody was asked: the labels are what the operations are meant to do. `split` and `crop` are those of `photos`, and
    so are the errors; versions are made of what is left after the crop.
    """

    def __init__(self, split: Literal["train", "test", "all"] = "train", crop: int = 0) -> None:
        self._photos = Photos(split, crop)

    @property
    def ids(self) -> list[str]:
        return self._photos.ids

    def fingerprint(self) -> str:
        """SHA-256 over the fingerprint of `photos` and the operations."""
        return self._fingerprint

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Sample:
        photo = self._photos[index]
        targets = tuple(emphasised(photo.target, version.sigma, version.amount) for version in VERSIONS)
        return Sample(id=photo.id, target=photo.target, targets=targets, labels=tuple(v.label for v in VERSIONS))

    @cached_property
    def _fingerprint(self) -> str:
        made = "".join(f"{v.name}\0{v.label}\0{v.sigma}\0{v.amount}\n" for v in VERSIONS)
        return hashlib.sha256(f"{self._photos.fingerprint()}\n{made}".encode()).hexdigest()


def emphasised(image: Tensor, sigma: float, amount: float) -> Tensor:
    """Image x (3, H, W) in [0, 1] → x + amount · (x - m), clamped to [0, 1] and rounded to 8-bit levels.

    m is x under a Gaussian of `sigma` pixels, borders repeated, or the mean of each channel where sigma is infinite: an
    unsharp mask, which at amount -1 leaves the Gaussian alone, or a change of contrast.
    """
    mean = image.mean((-2, -1), keepdim=True) if sigma == inf else _blurred(image, sigma)
    return (image + amount * (image - mean)).clamp(0, 1).mul(255).round() / 255


def _blurred(image: Tensor, sigma: float) -> Tensor:
    reach = ceil(3 * sigma)
    (blurred,) = separable(gaussian(2 * reach + 1, sigma), pad(image[None], [reach] * 4, mode="replicate"))
    return blurred[0]
