"""The names that published checkpoints of RRDBNet go by, and those of Real-ESRGAN for them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# Whole name of a layer in BSRGAN and ESRGAN, or in ESRGAN's first release → the name in Real-ESRGAN.
_NAMES = (
    (re.compile(r"(?:RRDB_trunk|model\.1\.sub)\.(\d+)\.RDB([123])\.conv([1-5])(?:\.0)?"), r"body.\1.rdb\2.conv\3"),
    (re.compile(r"model\.0"), "conv_first"),
    # The first release counts the convolution behind the blocks as one block more.
    (re.compile(r"trunk_conv|model\.1\.sub\.\d+"), "conv_body"),
    (re.compile(r"upconv1|model\.3"), "conv_up1"),
    (re.compile(r"upconv2|model\.6"), "conv_up2"),
    (re.compile(r"HRconv|model\.8"), "conv_hr"),
    (re.compile(r"model\.10"), "conv_last"),
)


def translated(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name → tensor with every name that is known turned into Real-ESRGAN's, and the others as they are."""
    return {_own(name): value for name, value in weights.items()}


def _own(name: str) -> str:
    layer, dot, what = name.rpartition(".")
    for pattern, own in _NAMES:
        if found := pattern.fullmatch(layer):
            return found.expand(own) + dot + what
    return name
