"""Pristine models: the mean and covariance of the features of good photographs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from percept.errors import DataError
from torch import Tensor

from percept_niqe.features import FEATURES

SHIPPED = "kodak24.npz"
NPZ_KEYS = ("mu_pris_param", "cov_pris_param")
MAT_KEYS = ("mu_prisparam", "cov_prisparam")


class PristineModel(NamedTuple):
    """`mean` (36,) and `covariance` (36, 36), float64."""

    mean: Tensor
    covariance: Tensor


def load_model(path: str = "") -> PristineModel:
    """Read a model from an .npz file or, if scipy is installed, from the authors' .mat file; empty: the shipped one.

    Raises DataError, in one line, if the file is absent, unreadable, or holds no such model.
    """
    if not path:
        with as_file(files("percept_niqe") / SHIPPED) as shipped:
            return load_model(str(shipped))
    keys = MAT_KEYS if path.endswith(".mat") else NPZ_KEYS
    arrays = read_arrays(path)
    if not all(key in arrays for key in keys):
        raise DataError(f"{path}: holds no NIQE model; it needs the arrays {keys[0]} and {keys[1]}")
    mean, covariance = (torch.from_numpy(np.array(arrays[key], dtype=np.float64)) for key in keys)
    if mean.numel() != FEATURES or covariance.shape != (FEATURES, FEATURES):
        raise DataError(f"{path}: a NIQE model has {FEATURES} features; {tuple(covariance.shape)} is another one's")
    return PristineModel(mean.flatten(), covariance)


def save_model(path: Path, model: PristineModel, provenance: Mapping[str, Any]) -> None:
    """Write an .npz file that `load_model` reads, with a JSON text `provenance` beside the arrays.

    Raises DataError if the file cannot be written.
    """
    mean, covariance = (part.cpu().numpy() for part in model)
    try:
        with path.open("wb") as file:  # given a name, numpy would append .npz to it
            np.savez(file, mu_pris_param=mean, cov_pris_param=covariance, provenance=np.array(json.dumps(provenance)))
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); give another file") from None


def provenance_of(path: str = "") -> dict[str, Any]:
    """What a model of `save_model` says of its photographs; empty path: the shipped model."""
    with as_file(files("percept_niqe") / SHIPPED) as shipped, np.load(path or shipped, allow_pickle=False) as arrays:
        said: dict[str, Any] = json.loads(str(arrays["provenance"]))
        return said


def read_arrays(path: str) -> Mapping[str, Any]:
    try:
        if path.endswith(".mat"):
            return _read_mat(path)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give `model` an .npz or .mat of NIQE parameters") from None
    except (OSError, EOFError, ValueError, TypeError, NotImplementedError, BadZipFile) as error:
        raise DataError(f"{path}: no readable model file ({error})") from None


def _read_mat(path: str) -> Mapping[str, Any]:
    try:
        from scipy.io import loadmat
    except ImportError:
        raise DataError(f"{path}: .mat files need scipy; pip install 'percept-niqe[mat]'") from None
    arrays: dict[str, Any] = loadmat(path)
    return arrays
