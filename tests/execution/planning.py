"""Tiny recipes that are planned, and hardly ever run."""

from __future__ import annotations

from pathlib import Path

from percept.execution.check import load_checked
from percept.execution.plan import PlannedCell, Planner
from percept_store import Store

UNTRAINED = """\
percept: 1
name: untrained
data:
  test: {use: photos, split: test, crop: 64}
  degrade: {use: bicubic, scale: 2}
generator: {use: edsr, channels: 4, blocks: 1}
assess: {with: [psnr]}
"""
BICUBIC = UNTRAINED.replace("{use: edsr, channels: 4, blocks: 1}", "bicubic")
TRAINED = (
    UNTRAINED.replace("data:\n", "data:\n  train: {use: photos, split: train}\n")
    + "optimize: {steps: 1, batch: 1, patch: 32, fidelity: l1}\n"
)


def planned(
    folder: Path, text: str, *overrides: str, name: str = "recipe.yaml", retry_failed: bool = False
) -> list[PlannedCell]:
    """The plan of a recipe against the store in `folder`."""
    (folder / name).write_text(text, "utf-8")
    return Planner(Store(folder / "store"), retry_failed).plan(load_checked(str(folder / name), overrides))


def key_of(folder: Path, text: str, *overrides: str) -> str:
    """The name of the only run that a recipe asks for."""
    (cell,) = planned(folder, text, *overrides)
    assert cell.state == "new", cell.error
    return cell.key
