"""Support vector regression as LIBSVM's text files hold it, and the feature ranges of its `svm-scale`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import torch
from percept.errors import DataError
from torch import Tensor

FEATURES = 36
# The bias ρ of a published model tells which ranges it was trained with; LIBSVM's files do not name each other.
KNOWN_RANGES = {"-153.591": "live774.range", "-155.845": "live770.range"}
NEEDED = {"svm_type": "epsilon_svr", "kernel_type": "rbf"}


class Machine(NamedTuple):
    """Support vectors (V, 36), their coefficients (V,), feature ranges (2, 36), all float64; γ and ρ of the kernel."""

    vectors: Tensor
    coefficients: Tensor
    ranges: Tensor
    gamma: float
    rho: float


def predict(features: Tensor, machine: Machine) -> Tensor:
    """Features (N, 36) → (N,): the regression's value, through text files of the authors' precision.

    Their program writes features with 6 decimals, and `svm-scale` writes what it maps to [-1, 1] with 6 digits; scores
    change by up to 5e-4 by that.
    """
    low, high = machine.ranges
    scaled = digits(2 * (decimals(features) - low) / (high - low) - 1)
    distances = (scaled[:, None] - machine.vectors).square().sum(dim=-1)
    value: Tensor = torch.exp(-machine.gamma * distances) @ machine.coefficients
    return value - machine.rho


def decimals(values: Tensor) -> Tensor:
    """Values of any shape, as C's %f writes them: 6 decimals."""
    return (values * 1e6).round() / 1e6


def digits(values: Tensor) -> Tensor:
    """Values of any shape, as C's %g writes them: 6 significant digits."""
    unit = 10 ** (5 - values.abs().clamp_min(1e-300).log10().floor())
    return (values * unit).round() / unit


def load_machine(model: str, ranges: str = "") -> Machine:
    """Read LIBSVM's `model` and svm-scale's `ranges`; empty ranges: those of a published model, known by its bias.

    Raises DataError, in one line, if a file is absent, not of its format, or its ranges are unknown.
    """
    if not model:
        raise DataError("brisque needs `model`, the LIBSVM file of its support vectors, such as the authors' allmodel")
    header, rows = _read_model(model)
    return Machine(
        vectors=torch.stack([vector for _, vector in rows]),
        coefficients=torch.tensor([coefficient for coefficient, _ in rows], dtype=torch.float64),
        ranges=_read_ranges(_text(ranges), ranges) if ranges else _known_ranges(header["rho"], model),
        gamma=float(header["gamma"]),
        rho=float(header["rho"]),
    )


def _read_model(path: str) -> tuple[dict[str, str], list[tuple[float, Tensor]]]:
    head, mark, body = _text(path).partition("\nSV\n")
    header = dict(line.split(maxsplit=1) for line in head.splitlines() if len(line.split()) > 1)
    if (
        not mark
        or any(header.get(key) != value for key, value in NEEDED.items())
        or not {"gamma", "rho"} <= set(header)
    ):
        raise DataError(f"{path}: no LIBSVM model of regression (epsilon_svr) with a radial kernel (rbf)")
    try:
        rows = [(float(line.split()[0]), _vector(line.split()[1:])) for line in body.splitlines() if line.strip()]
    except (ValueError, IndexError):
        raise DataError(
            f"{path}: a line below SV is no vector of at most {FEATURES} features, as 'c 1:x 2:y …'"
        ) from None
    if not rows:
        raise DataError(f"{path}: a LIBSVM model without support vectors")
    return header, rows


def _vector(entries: list[str]) -> Tensor:
    vector = torch.zeros(FEATURES, dtype=torch.float64)
    for index, value in (entry.split(":") for entry in entries):
        if int(index) < 1:
            raise ValueError(index)
        vector[int(index) - 1] = float(value)
    return vector


def _known_ranges(rho: str, model: str) -> Tensor:
    if rho not in KNOWN_RANGES:
        raise DataError(f"{model}: no published model; give `ranges`, the file that svm-scale -s wrote in its training")
    name = KNOWN_RANGES[rho]
    return _read_ranges((files("percept_brisque") / name).read_text(), name)


def _read_ranges(text: str, path: str) -> Tensor:
    try:
        rows = list(_ranges(text))
    except ValueError:
        rows = []
    if [index for index, _, _ in rows] != list(range(1, FEATURES + 1)) or any(low >= high for _, low, high in rows):
        raise DataError(f"{path}: no ranges of {FEATURES} features to [-1, 1], as svm-scale -s writes them")
    return torch.tensor([[low, high] for _, low, high in rows], dtype=torch.float64).T.contiguous()


def _ranges(text: str) -> Iterator[tuple[int, float, float]]:
    first, bounds, *lines = [line.split() for line in text.splitlines() if line.strip()] + [[], []]
    if first != ["x"] or bounds != ["-1", "1"]:
        raise ValueError(first)
    for index, low, high in filter(None, lines):
        yield int(index), float(low), float(high)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give a text file of LIBSVM") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no readable text file ({error})") from None
