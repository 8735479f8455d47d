"""A file of weights for a timm network: read without running code, renamed where timm knows how, refused by name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from percept.errors import ComponentError
from percept.weights import first_of, misfits, read_weights
from torch import Tensor, nn


class Checkpoint:
    """Weights at `path` for `network`, which still has all its layers, and may lose some before they are loaded."""

    def __init__(self, path: str, network: nn.Module, who: str, name: str) -> None:
        self.where = f"{who}: {Path(path).expanduser()}"
        self.weights = read_weights(Path(path).expanduser())
        self.name = name
        self.whole = frozenset(network.state_dict())
        classifiers = network.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr,operator]  # timm sets it
        self.classifiers = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
        self.converted = _converted(self.weights, network)

    def load_into(self, network: nn.Module) -> None:
        """Load what the network has. Raises ComponentError that names the first three that do not fit, both shapes."""
        wanted = network.state_dict()
        weights = self.converted if self._problems(self.weights, wanted) else self.weights
        problems = self._problems(weights, wanted)
        if problems:
            raise ComponentError(f"{self.where} does not fit {self.name}: {first_of(problems)}")
        network.load_state_dict({name: weights[name] for name in wanted})

    def _problems(self, weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
        # What was cut off, and a classifier, may be in the file.
        cut = {name for name in self.whole if name not in wanted}
        heads = tuple(f"{head}." for head in self.classifiers)
        known = {n: v for n, v in weights.items() if n not in cut and (n in self.whole or not n.startswith(heads))}
        return misfits(known, wanted)


def _converted(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Published names and sizes as timm's, by what timm keeps for the family; where it cannot, as they were."""
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return weights
    try:
        return dict(convert(dict(weights), network))
    except Exception:  # made for the files of its own family; what does not fit is reported by name
        return weights
