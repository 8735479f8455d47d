"""`niqe`, as assessor and as loss."""

from __future__ import annotations

from typing import Any

import torch
from percept.contracts import check_images
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from percept_niqe.features import BLOCK, block_features
from percept_niqe.model import load_model
from percept_niqe.scenes import gaussian_window, gray_levels, shape_ratios

# One block has no covariance: two a side are the least that the paper's distance means something for.
MIN_SIZE = 2 * BLOCK


def niqe(
    images: Tensor, mean: Tensor, covariance: Tensor, window: Tensor, ratios: Tensor, *, rounded: bool = True
) -> Tensor:
    """(N, 3, H, W) in [0, 1] → (N,) float64: the distance (§II.E) from a pristine model `mean`, `covariance`.

    `window` and `ratios` are those of `gaussian_window` and `shape_ratios`; `rounded` is that of `NIQE`. Each image is
    computed by itself.
    """
    grays = gray_levels(images, rounded=rounded)
    features = [block_features(gray, window, ratios, rounded=rounded) for gray in grays]
    return torch.stack([distance(found, mean, covariance) for found in features])


def distance(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Features (blocks, 36) → scalar: how far their Gaussian is from the pristine one (§II.E), by pseudo-inverse.

    NaN features have no gradient, and a distance of 0 has none.
    """
    if features.requires_grad:
        return _Distance.apply(features, mean, covariance)  # type: ignore[no-any-return]  # torch's has no types
    return _distance(features, mean, covariance)[0]


def _distance(features: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """The distance, and the difference of the means (36,) under the pseudo-inverse."""
    own_mean, own_covariance = gaussian_of(features)
    away = mean - own_mean
    pulled: Tensor = away @ torch.linalg.pinv((covariance + own_covariance) / 2, hermitian=True)
    squared: Tensor = pulled @ away
    return squared.clamp_min(0).sqrt(), pulled


class _Distance(torch.autograd.Function):
    """With v = P·a, of the difference a of means and the pseudo-inverse P of the covariances' mean M,

        d(aᵀPa) = 2 v·da - vᵀ dM v

    as long as M keeps its rank, which the pristine covariance sees to: autograd's own would divide by differences of
    eigenvalues, and lead the NaN of flat blocks on.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
        value, pulled = _distance(features, mean, covariance)
        ctx.save_for_backward(features, pulled, torch.where(value > 0, pulled / value, 0))
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        features, pulled, slope = ctx.saved_tensors
        known = ~features.isnan()
        found = -slope * known / known.sum(dim=0).clamp_min(1)
        whole = known.all(dim=1)
        complete = features[whole]
        if len(complete) > 1:
            across = (complete - complete.mean(dim=0)) @ pulled
            found[whole] -= across[:, None] * slope / (2 * (len(complete) - 1))
        return gradient * found, None, None


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

    Mittal, Soundararajan, Bovik, IEEE Signal Processing Letters 20(3), 2013. Assessor and fidelity loss; the loss
    ignores its target. Blocks of 96×96, two scales, computed in float64 and returned in the dtype of the images.

    model    file of a pristine model: .npz as `python -m percept_niqe.fit` writes it, or the authors' .mat; empty: the
             model shipped, fitted on Kodak24. Scores of two models are in different units, not to be compared
    rounded  images and gray to 256 levels, shapes to thousandths, as in the authors' code; the gradient is taken as if
             they were not. Without it the value follows the gradient, as an optimiser expects

    Flat blocks are left out as in the authors' code; an image of nothing else has the finite score of zero contrast.
    Gradients are finite, and 0 in flat areas and beyond whole blocks. Raises DataError if `model` cannot be read,
    ImageError for smaller images or other shapes.
    """

    mean: Tensor
    covariance: Tensor
    window: Tensor
    ratios: Tensor

    def __init__(self, model: str = "", rounded: bool = True) -> None:
        super().__init__()
        self.rounded = rounded
        pristine = load_model(model)
        self.register_buffer("mean", pristine.mean, persistent=False)
        self.register_buffer("covariance", pristine.covariance, persistent=False)
        self.register_buffer("window", gaussian_window(), persistent=False)
        self.register_buffer("ratios", shape_ratios(), persistent=False)

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "niqe", MIN_SIZE)
        pristine = self.mean, self.covariance
        return niqe(images, *pristine, self.window, self.ratios, rounded=self.rounded).to(images.dtype)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `target` is not looked at."""
        return self.score(output)
