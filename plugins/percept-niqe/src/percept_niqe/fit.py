"""Fits a pristine model from a folder of good photographs: `python -m percept_niqe.fit FOLDER --out model.npz`.

As in §II.B–D of the paper: from each photograph the blocks whose sharpness is above 0.75 of its sharpest block's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from percept.errors import DataError, PerceptError
from percept.images import find_images, names_of, read_image
from torch import Tensor

from percept_niqe.features import BLOCK, block_features, block_sharpness
from percept_niqe.model import PristineModel, save_model
from percept_niqe.niqe import gaussian_of
from percept_niqe.scenes import gaussian_window, gray_levels, shape_ratios

SHARPNESS_THRESHOLD = 0.75


def sharp_features(image: Tensor, threshold: float = SHARPNESS_THRESHOLD) -> Tensor:
    """(3, H, W) in [0, 1] → (sharp blocks, 36); none if a side is below 96 pixels."""
    gray, window = gray_levels(image[None])[0], gaussian_window()
    if min(gray.shape) < BLOCK:
        return gray.new_zeros(0, 36)
    sharpness = block_sharpness(gray, window)
    return block_features(gray, window, shape_ratios())[sharpness > threshold * sharpness.max()]


def fit(images: Iterable[Tensor], threshold: float = SHARPNESS_THRESHOLD) -> tuple[PristineModel, int]:
    """The model of the sharp blocks of photographs (3, H, W) in [0, 1], and how many blocks there were.

    Raises DataError if fewer than two blocks are sharp.
    """
    features = torch.cat([torch.zeros(0, 36, dtype=torch.float64), *(sharp_features(i, threshold) for i in images)])
    if len(features) < 2:
        raise DataError(f"{len(features)} sharp blocks of {BLOCK}×{BLOCK}: give more or larger photographs")
    return PristineModel(*gaussian_of(features)), len(features)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m percept_niqe.fit", description="Fit NIQE's pristine model.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="good photographs, at best a hundred and more")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.npz", help="where to write the model")
    parser.add_argument("--about", default="", help="where the photographs are from, and on what terms")
    given = parser.parse_args(arguments)
    try:
        blocks = _fit_folder(given.folder, given.out, given.about)
    except PerceptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{given.out}: {blocks} blocks")
    return 0


def _fit_folder(folder: Path, out: Path, about: str) -> int:
    paths = find_images(folder)
    if not paths:
        raise DataError(f"{folder}: no photographs there; give a folder of image files")
    model, blocks = fit(read_image(path) for path in paths)
    named = {"about": about, "photographs": names_of(paths, folder)}
    save_model(out, model, {**named, "blocks": blocks, "block": BLOCK, "sharpness_threshold": SHARPNESS_THRESHOLD})
    return blocks


if __name__ == "__main__":
    sys.exit(main())
