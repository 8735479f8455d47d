from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from percept_store import Record, Store

START = datetime(2025, 1, 1, tzinfo=UTC)


class Samples:
    """Records as percept's stages write them; `at` is seconds after a fixed moment."""

    @staticmethod
    def key(number: object) -> str:
        return hashlib.sha256(str(number).encode()).hexdigest()

    @staticmethod
    def time(at: float) -> str:
        return (START + timedelta(seconds=at)).isoformat()

    def run(
        self,
        number: int,
        /,
        *,
        at: float | None = None,
        status: str = "ok",
        points: int = 4,
        recipe: str = "quickstart",
        cell: Mapping[str, Any] | None = None,
        **factors: Any,
    ) -> Record:
        at = number if at is None else at
        chosen = {"generator": "edsr", "discriminator": "none", "fidelity_loss": "l1", "seed": number, **factors}
        header = {
            "status": status,
            "reason": "" if status == "ok" else "diverged",
            "created": self.time(at),
            "seconds": 1.5,
            "recipe": recipe,
            "factors": {name: value for name, value in chosen.items() if value is not ...},
            **({"cell": cell} if cell else {}),
        }
        curve = np.random.default_rng(number).random(points)
        return Record("run", self.key(number), header, {"curve/l1/step": np.arange(points), "curve/l1/value": curve})

    def membership(self, number: int, *, at: float, recipe: str, **factors: Any) -> Record:
        return Record("membership", self.key(number), {"created": self.time(at), "recipe": recipe, "factors": factors})

    def assessor(self, name: str, version: str = "0.1.0", **facts: Any) -> dict[str, Any]:
        about = {
            "label": name,
            "name": name,
            "version": version,
            "weights": "",
            "parameters": {},
            "direction": "higher",
        }
        kind = {"low": 0.0, "high": None, "reference": "full", "colour": "luma", "variant": "11×11"}
        return {"key": f"{name}@{version}", **about, **kind, **facts}

    def image(self, name: str, content: str = "", **facts: Any) -> dict[str, Any]:
        sha = self.key(content or name)
        names = {"reference": f"{sha}.png", "input": "", "output": "", "output_float": ""}
        return {"id": name, "dataset": "photos", "sha256": sha, "height": 48, "width": 64, **names, **facts}

    def assessment(
        self,
        number: int,
        *,
        at: float | None = None,
        assessors: Sequence[Any] = ("psnr", "ssim"),
        images: Sequence[Any] = ("photos/cat", "photos/cup", "photos/moon"),
        score: Any = None,
        status: Any = None,
        reasons: Any = None,
    ) -> Record:
        at = number + 0.5 if at is None else at
        shape = len(assessors), len(images)
        header: Mapping[str, Any] = {
            "created": self.time(at),
            "seconds": 0.5,
            "assessors": [self.assessor(a) if isinstance(a, str) else a for a in assessors],
            "images": [self.image(i) if isinstance(i, str) else i for i in images],
            "reasons": reasons or {},
        }
        scores = (
            np.random.default_rng([number, int(at * 10)]).random(shape)
            if score is None
            else np.broadcast_to(score, shape)
        )
        states = np.ones(shape, "u1") if status is None else np.broadcast_to(np.asarray(status, "u1"), shape)
        return Record("assessment", self.key(number), header, {"score": np.asarray(scores, "f8"), "status": states})

    def fill(self, store: Store, runs: range) -> None:
        for number in runs:
            store.ledger.put(self.run(number))
            store.ledger.put(self.assessment(number))


@pytest.fixture(scope="session")
def samples() -> Samples:
    return Samples()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
