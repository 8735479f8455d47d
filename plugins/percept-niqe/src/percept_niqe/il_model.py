"""IL-NIQE's pristine model: principal axes of features, and the Gaussian of good photographs along them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from percept.errors import DataError
from torch import Tensor

from percept_niqe.il_features import FEATURES
from percept_niqe.model import read_arrays

KEYS = ("mu_prisparam", "cov_prisparam", "meanOfSampleData", "principleVectors")


class ILModel(NamedTuple):
    """`mean` (k,) and `covariance` (k, k) along the `axes` (468, k) of features around `centre` (468,), all float64."""

    mean: Tensor
    covariance: Tensor
    centre: Tensor
    axes: Tensor


def load_il_model(path: str) -> ILModel:
    """Read the authors' templateModel.mat, which needs scipy, or an .npz of its arrays under the names of their code.

    Raises DataError, in one line, if the file is absent, unreadable, or holds no such model.
    """
    if not path:
        raise DataError("il-niqe needs `model`, the authors' templateModel.mat or an .npz file of its arrays")
    arrays = read_arrays(path)
    if "templateModel" in arrays and np.size(arrays["templateModel"]) == len(KEYS):
        arrays = dict(zip(KEYS, np.ravel(arrays["templateModel"]), strict=True))
    if not all(key in arrays for key in KEYS):
        raise DataError(f"{path}: holds no IL-NIQE model; it needs the cell templateModel, or {', '.join(KEYS)}")
    mean, covariance, centre, axes = (torch.from_numpy(np.array(arrays[key], dtype=np.float64)) for key in KEYS)
    size = mean.numel()
    if centre.numel() != FEATURES or axes.shape != (FEATURES, size) or covariance.shape != (size, size):
        raise DataError(f"{path}: an IL-NIQE model has {FEATURES} features; {tuple(axes.shape)} is another one's")
    if torch.linalg.cholesky_ex(covariance).info:
        raise DataError(f"{path}: the covariance of the model is not positive definite")
    return ILModel(mean.flatten(), covariance, centre.flatten(), axes)
