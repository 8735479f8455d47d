"""A file of weights for a timm network: read without running code, renamed where timm knows how, refused by name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import timm.models
from percept.errors import ComponentError
from torch import Tensor, nn


class Checkpoint:
    """Weights at `path` for `network`, which still has all its layers, and may lose some before they are loaded."""

    def __init__(self, path: str, network: nn.Module, who: str, name: str) -> None:
        self.where = f"{who}: {Path(path).expanduser()}"
        self.weights = _read(Path(path).expanduser(), self.where)
        self.name = name
        self.whole = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        classifiers = network.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr,operator]  # timm sets it
        self.classifiers = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
        self.converted = _converted(self.weights, network)

    def load_into(self, network: nn.Module) -> None:
        """Load what the network has. Raises ComponentError that names the first three that do not fit, both shapes."""
        wanted = network.state_dict()
        weights = self.converted if self._problems(self.weights, wanted) else self.weights
        problems = self._problems(weights, wanted)
        if problems:
            more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
            raise ComponentError(f"{self.where} does not fit {self.name}: {'; '.join(problems[:3])}{more}")
        network.load_state_dict({name: weights[name] for name in wanted})

    def _problems(self, weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
        wrong = [
            f"{name} is {tuple(weights[name].shape)}, the network's is {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in weights and weights[name].shape != value.shape
        ]
        wrong += [f"{name} {tuple(value.shape)} is absent" for name, value in wanted.items() if name not in weights]
        wrong += [
            f"{name} {tuple(value.shape)} is not in the network"
            for name, value in weights.items()
            if name not in self.whole and not name.startswith(tuple(f"{head}." for head in self.classifiers))
        ]
        return wrong


def _read(path: Path, where: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise ComponentError(f"{where}: no such file; weights are none, timm, or the path of a file")
    try:
        content = timm.models.load_state_dict(str(path), weights_only=True)
    except Exception as error:  # damaged files raise anything, and so do pickles that want to run code
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ComponentError(f"{where}: cannot be read as weights ({reason})") from error
    if not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise ComponentError(f"{where}: holds something else than a network's weights")
    return content


def _converted(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Published names and sizes as timm's, by what timm keeps for the family; where it cannot, as they were."""
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return weights
    try:
        return dict(convert(dict(weights), network))
    except Exception:  # made for the files of its own family; what does not fit is reported by name
        return weights
