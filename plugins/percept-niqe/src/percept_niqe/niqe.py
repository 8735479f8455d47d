"""The assessor `niqe`."""

from __future__ import annotations

import torch
from percept.contracts import check_images
from torch import Tensor, nn

from percept_niqe.features import BLOCK, block_features
from percept_niqe.model import load_model
from percept_niqe.scenes import gaussian_window, gray_levels, shape_ratios

# One block has no covariance: two a side are the least that the paper's distance means something for.
MIN_SIZE = 2 * BLOCK


def niqe(images: Tensor, mean: Tensor, covariance: Tensor, window: Tensor, ratios: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] → (N,) float64: the distance (§II.E) from a pristine model `mean`, `covariance`.

    `window` and `ratios` are those of `gaussian_window` and `shape_ratios`. Each image is computed by itself.
    """
    grays = gray_levels(images)
    return torch.stack([distance(block_features(gray, window, ratios), mean, covariance) for gray in grays])


def distance(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Features (blocks, 36) → scalar: how far their Gaussian is from the pristine one (§II.E), by pseudo-inverse."""
    own_mean, own_covariance = gaussian_of(features)
    away = mean - own_mean
    precision = torch.linalg.pinv((covariance + own_covariance) / 2, hermitian=True)
    squared: Tensor = away @ precision @ away
    return squared.clamp_min(0).sqrt()


def gaussian_of(features: Tensor) -> tuple[Tensor, Tensor]:
    """Features (blocks, 36) → mean (36,), covariance (36, 36), as MATLAB's nanmean and nancov.

    The mean leaves out single NaNs, the covariance whole blocks with one. What is NaN in every block becomes 0, the
    width of vanishing contrast; fewer than two blocks without NaN have covariance 0.
    """
    complete = features[~features.isnan().any(dim=1)]
    mean = features.nanmean(dim=0).nan_to_num(nan=0.0)
    if len(complete) < 2:
        return mean, features.new_zeros(features.shape[1], features.shape[1])
    return mean, complete.mT.cov()


class NIQE(nn.Module):
    """Natural image quality evaluator: (N, 3, H, W) in [0, 1], H and W ≥ 192 → (N,), lower is better, from 0 up.

    Mittal, Soundararajan, Bovik, IEEE Signal Processing Letters 20(3), 2013. Blocks of 96×96, two scales, computed in
    float64 and returned in the dtype of the images; needs no reference. An assessor only: its shape parameters are
    looked up in a table, so that there are no gradients to descend.

    model   file of a pristine model: .npz as `python -m percept_niqe.fit` writes it, or the authors' .mat; empty: the
            model shipped, fitted on Kodak24. Scores of two models are in different units, not to be compared

    Flat blocks are left out as in the authors' code; an image of nothing else has the finite score of zero contrast.
    Raises DataError if `model` cannot be read, ImageError for smaller images or other shapes.
    """

    mean: Tensor
    covariance: Tensor
    window: Tensor
    ratios: Tensor

    def __init__(self, model: str = "") -> None:
        super().__init__()
        pristine = load_model(model)
        self.register_buffer("mean", pristine.mean, persistent=False)
        self.register_buffer("covariance", pristine.covariance, persistent=False)
        self.register_buffer("window", gaussian_window(), persistent=False)
        self.register_buffer("ratios", shape_ratios(), persistent=False)

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    @torch.no_grad()
    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "niqe", MIN_SIZE)
        return niqe(images, self.mean, self.covariance, self.window, self.ratios).to(images.dtype)
