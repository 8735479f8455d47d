"""Load the libraries that are measured, and build their metrics as calls of (output, target)."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import sys
import types
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

Call = Callable[[Tensor, Tensor], Tensor]
Build = Callable[[], Call]
B = TypeVar("B")

PEERS = ("pyiqa", "piq", "torchmetrics", "piqa")
ROOT = Path(__file__).parents[3]


class AbsentError(Exception):
    """A library, or what one of its metrics needs, is not here; the message says what."""


def data() -> Path:
    """The folder of test data, which need not exist."""
    return Path(os.environ.get("PERCEPT_TEST_DATA") or ROOT.parent / "shared" / "data")


@cache
def library(name: str) -> Any:
    """The module. Raises AbsentError if it cannot be imported."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # pyiqa would wait for weights that it has no need of
    warnings.filterwarnings("ignore")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _declare_torchvision()
            module = importlib.import_module(name)
    except Exception as error:
        raise AbsentError(f"{name} cannot be imported: {_one_line(error)}") from error
    logging.disable(logging.INFO)  # pyiqa's
    return module


def build(make: Callable[[], B]) -> B:
    """`make()`. Raises AbsentError whatever goes wrong: weights that cannot be had, a metric that this release lacks."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return make()
    except AbsentError:
        raise
    except (Exception, SystemExit) as error:
        raise AbsentError(_one_line(error)) from error


def gray(images: Tensor) -> Tensor:
    """(N, 3, H, W) → (N, 1, H, W), BT.601 luminance in [0, 1], for libraries that leave the conversion to the caller."""
    weights = images.new_tensor([0.298936, 0.587043, 0.114021])
    return (images * weights[:, None, None]).sum(1, keepdim=True)


def pyiqa(name: str, *, reference: bool = True, **options: Any) -> Build:
    """Its network itself: the wrapper of `create_metric` would switch gradients on or off."""

    def make() -> Call:
        given = {key: value() if callable(value) else value for key, value in options.items()}
        net = library("pyiqa").create_metric(name, as_loss=True, device="cpu", **given).net.eval()
        return net if reference else lambda output, _: net(output)

    return make


def piq(name: str, *, of: Callable[[Tensor], Tensor] | None = None, reference: bool = True, **options: Any) -> Build:
    def make() -> Call:
        function = getattr(library("piq"), name)
        if not reference:
            return lambda output, _: function(output, reduction="none", **options)
        return _converted(lambda output, target: function(output, target, reduction="none", **options), of)

    return make


def piqa(name: str, *, of: Callable[[Tensor], Tensor] | None = None, reference: bool = True, **options: Any) -> Build:
    def make() -> Call:
        module = getattr(library("piqa"), name)(reduction="none", **options)
        if not reference:
            return lambda output, _: module(output)
        return _converted(module, of)

    return make


def torchmetrics(
    name: str, *, of: Callable[[Tensor], Tensor] | None = None, reference: bool = True, **options: Any
) -> Build:
    def make() -> Call:
        library("torchmetrics")
        function = getattr(importlib.import_module("torchmetrics.functional.image"), name)
        if not reference:
            return lambda output, _: function(output, **options)
        return _converted(lambda output, target: function(output, target, **options), of)

    return make


def _converted(call: Call, of: Callable[[Tensor], Tensor] | None) -> Call:
    return call if of is None else lambda output, target: call(of(output), of(target))


def _declare_torchvision() -> None:
    """Let torchvision be imported beside a torch that it was not compiled for: no metric here calls its operators."""
    if "torchvision" in sys.modules:
        return
    sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:160]
