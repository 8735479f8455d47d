"""Small real recipes for tests: seconds on one core."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SMALL = """\
percept: 1
name: small
data:
  train: {use: photos, split: train}
  test: {use: photos, split: test}
  degrade: {use: bicubic, scale: 2}
generator: {use: edsr, channels: 8, blocks: 1, skip: bicubic}
optimize:
  steps: 24
  batch: 2
  patch: 48
  log-every: 4
  checkpoint-every: 4
  optimizer: {use: adam, lr: 1e-3}
  ema: 0.9
  fidelity: [l1, {use: "${matrix.perceptual}", weight: 0.2}]
  adversarial: {discriminator: "${matrix.discriminator}", weight: 0.01, starts-at: 8}
assess: {with: [psnr, gmsd]}
matrix:
  perceptual: [gmsd, ssim]
  discriminator: [none, {use: patch, channels: 8, label: patch}]
"""


def write(folder: Path, text: str = SMALL, name: str = "small.yaml") -> str:
    """Write a recipe and return its path."""
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def percept(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own; `env` is added to this one's environment."""
    code = "from percept.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
