"""Learning curves: the mean of each loss over intervals of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor


class Curves:
    """Collects losses without waiting for the device, and turns them into numbers every `every` steps."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.points: dict[str, list[tuple[int, float]]] = {}
        self._sums: dict[str, tuple[Tensor, int]] = {}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take the losses of one step."""
        for name, value in losses.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value, count + 1)

    def point(self, name: str, step: int, value: float) -> None:
        """A value that is no mean over steps."""
        self.points.setdefault(name, []).append((step, value))

    def close_interval(self, step: int) -> dict[str, float]:
        """End the interval at `step`; returns its means."""
        means = {name: float(total) / count for name, (total, count) in self._sums.items()}
        for name, mean in means.items():
            self.points.setdefault(name, []).append((step, mean))
        self._sums = {}
        return means

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """`curve/NAME/step` int64 and `curve/NAME/value` float64, as a run's record holds them."""
        result = {}
        for name, points in self.points.items():
            result[f"curve/{name}/step"] = np.array([step for step, _ in points], dtype=np.int64)
            result[f"curve/{name}/value"] = np.array([value for _, value in points], dtype=np.float64)
        return result

    def state_dict(self) -> dict[str, Any]:
        """All points and the open interval."""
        return {"points": self.points, "sums": {k: [float(t), n] for k, (t, n) in self._sums.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.points = {k: [(int(s), float(v)) for s, v in points] for k, points in state["points"].items()}
        self._sums = {k: (total, count) for k, (total, count) in state["sums"].items()}
