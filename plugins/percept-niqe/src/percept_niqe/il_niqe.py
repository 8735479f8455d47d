"""The assessor `il-niqe`."""

from __future__ import annotations

import torch
from percept.contracts import check_images
from percept_degradations.imresize import imresize_uint8
from torch import Tensor, nn

from percept_niqe.il_features import SIDE, block_features
from percept_niqe.il_model import ILModel, load_il_model
from percept_niqe.scenes import gaussian_window, levels, shape_ratios

MIN_SIZE = 16  # smaller ones would be nothing but interpolation
INFINITE = 1e4  # what the authors' code takes for features that are inf
UNKNOWN = 2e3  # and for means and covariances of blocks of which none is complete


def il_niqe(features: Tensor, model: ILModel) -> Tensor:
    """(blocks, 468) → scalar: the mean distance of blocks from the pristine Gaussian (equation 17 of the paper).

    Blocks with NaN, which flat ones have, are put at the mean of the others, as in the authors' code.
    """
    known = ~features.isnan().any(dim=1)
    projected = (features[known].clamp(max=INFINITE) - model.centre) @ model.axes
    mean, covariance = _gaussian_of(projected)
    lost = mean.expand(len(features) - len(projected), -1)
    away = torch.cat([projected, lost]) - model.mean
    solved = torch.linalg.solve((model.covariance + covariance) / 2, away.T)
    distances: Tensor = torch.linalg.vecdot(away, solved.T).clamp_min(0).sqrt()
    return distances.mean()


def _gaussian_of(rows: Tensor) -> tuple[Tensor, Tensor]:
    size = rows.shape[1]
    if not len(rows):
        return rows.new_full((size,), UNKNOWN), rows.new_full((size, size), UNKNOWN)
    return rows.mean(dim=0), rows.mT.cov() if len(rows) > 1 else rows.new_zeros(size, size)


class ILNIQE(nn.Module):
    """Integrated local NIQE: (N, 3, H, W) in [0, 1] → (N,), lower is better, from 0 up.

    Zhang, Zhang, Bovik, IEEE TIP 24(8), 2015. Images are first resized to 524×524 with 256 levels. Computed in float64
    and returned in the dtype of the images; needs no reference. An assessor only: its shape parameters are looked up
    in a table, so that there are no gradients to descend.

    model  the authors' templateModel.mat, or an .npz file of the same four arrays

    Raises DataError if `model` cannot be read, ImageError for smaller images or other shapes.
    """

    mean: Tensor
    covariance: Tensor
    centre: Tensor
    axes: Tensor
    window: Tensor
    ratios: Tensor

    def __init__(self, model: str = "") -> None:
        super().__init__()
        for name, values in load_il_model(model)._asdict().items():
            self.register_buffer(name, values, persistent=False)
        self.register_buffer("window", gaussian_window(5), persistent=False)
        self.register_buffer("ratios", shape_ratios(), persistent=False)

    def prepare(self, reference: Tensor) -> None:
        """Nothing: the reference is not looked at."""

    @torch.no_grad()
    def score(self, images: Tensor, state: None = None) -> Tensor:  # noqa: ARG002  # the contract's second argument
        """(N, 3, H, W) → (N,); `state` is None."""
        check_images(images, "il-niqe", MIN_SIZE)
        model = ILModel(self.mean, self.covariance, self.centre, self.axes)
        resized = levels(imresize_uint8(levels(images) / 255, 1.0, (SIDE, SIDE)))
        found = [il_niqe(block_features(image, self.window, self.ratios), model) for image in resized]
        return torch.stack(found).to(images.dtype)
