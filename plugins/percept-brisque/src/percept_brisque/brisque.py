"""The assessor `brisque`: Mittal, Moorthy, Bovik, IEEE TIP 21(12), 2012."""

from __future__ import annotations

import torch
from percept.contracts import check_images
from percept_degradations.imresize import imresize
from percept_niqe.scenes import (
    SHIFTS,
    asymmetric_gaussian,
    gaussian_window,
    gray_levels,
    mean_over_width,
    normalised,
    shape_ratios,
    symmetric_gaussian,
    width,
)
from torch import Tensor, nn

from percept_brisque.svm import Machine, load_machine, predict

MIN_SIZE = 14  # half of it still holds the window


def features(gray: Tensor, window: Tensor, ratios: Tensor) -> Tensor:
    """(H, W) gray levels → (36,): table I of the paper at full, then at half size.

    `window` and `ratios` are those of `gaussian_window` and `shape_ratios`.
    """
    scales = (gray, imresize(gray, 0.5))
    return torch.cat([_features_of(normalised(level, window, border="constant")[0], ratios) for level in scales])


def _features_of(values: Tensor, ratios: Tensor) -> Tensor:
    """Normalised values (h, w) → (18,). Neighbours of the last row and column are the first ones, as by the authors.

    A side without samples, which flat images have, has no width; its mean is that of the other side.
    """
    found = list(symmetric_gaussian(values.flatten(), ratios))
    for shift in SHIFTS:
        products = values * values.roll(shift, dims=(0, 1))
        shape, left, right = asymmetric_gaussian(products.flatten(), ratios)
        left, right = left.nan_to_num(nan=0.0), right.nan_to_num(nan=0.0)
        found += [shape, (right - left) * width(shape) * mean_over_width(shape), left.square(), right.square()]
    return torch.stack(found)


class BRISQUE(nn.Module):
    """Blind/referenceless image spatial quality evaluator: (N, 3, H, W) in [0, 1], H and W ≥ 14 → (N,).

    Lower is better: about 0 for good photographs and 100 for bad ones, without bounds. Computed in float64 and returned
    in the dtype of the images; needs no reference. An assessor only: its shape parameters are looked up in a table, so
    that there are no gradients to descend.

    model   LIBSVM's text file of the support vectors: the authors' `allmodel`, or another one
    ranges  svm-scale's file of the feature ranges that belong to it; empty: those of the authors' model, or of the one
            of 770 vectors that OpenCV's followers use

    Raises DataError if a file is absent or of another format, ImageError for smaller images or other shapes.
    """

    vectors: Tensor
    coefficients: Tensor
    ranges: Tensor
    window: Tensor
    ratios: Tensor

    def __init__(self, model: str = "", ranges: str = "") -> None:
        super().__init__()
        machine = load_machine(model, ranges)
        self.gamma, self.rho = machine.gamma, machine.rho
        for name in ("vectors", "coefficients", "ranges"):
            self.register_buffer(name, getattr(machine, name), persistent=False)
        self.register_buffer("window", gaussian_window(), persistent=False)
        self.register_buffer("ratios", shape_ratios(), persistent=False)

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    @torch.no_grad()
    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "brisque", MIN_SIZE)
        machine = Machine(self.vectors, self.coefficients, self.ranges, self.gamma, self.rho)
        found = [features(gray, self.window, self.ratios) for gray in gray_levels(images)]
        return predict(torch.stack(found), machine).to(images.dtype)
