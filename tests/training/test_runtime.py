from __future__ import annotations

import os
import re
from typing import Any

import pytest
import torch
from percept.errors import InputError
from percept.training.group import Group
from percept.training.runtime import Runtime, exactly

CONFIG = {
    "device": "auto",
    "precision": "float32",
    "deterministic": False,
    "channels-last": False,
    "compile": False,
    "processes": 1,
}


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """A machine that says it has three GPUs; which of them were made the current one."""
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    return chosen


@pytest.fixture(autouse=True)
def switches(in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def device(config: dict[str, Any], rank: int = 0, places: tuple[int, ...] = ()) -> str:
    group = Group(rank, config.get("processes", 1))
    return str(Runtime.setup({**CONFIG, **config}, 1, group, places).device)


def test_without_a_gpu_auto_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device({}) == "cpu"
    for name in ("cuda", "cuda:1"):
        with pytest.raises(InputError, match=f"runtime.device: {name} is not there; use cpu or auto"):
            device({"device": name})


def test_runs_beside_each_other_have_gpus_of_their_own(gpus: list[torch.device]) -> None:
    assert [device({}, places=(place,)) for place in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    assert [device({"processes": 2}, rank, places=(1, 2)) for rank in range(2)] == ["cuda:1", "cuda:2"]
    assert device({"device": "cuda:2"}, places=(0,)) == "cuda:2"
    assert [str(chosen) for chosen in gpus[-3:]] == ["cuda:1", "cuda:2", "cuda:2"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"processes": 4}, "runtime.processes: 4, but there are 3 GPUs; lower it"),
        ({"device": "cuda:3"}, "runtime.device: cuda:3 is not there; the last is cuda:2"),
        (
            {"device": "cuda:1", "processes": 2},
            "runtime.device: cuda:1 is one GPU, but runtime.processes 2 want as many; use cuda",
        ),
    ],
)
def test_what_the_machine_has_not_is_told(gpus: list[torch.device], config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        device(config)


def test_float32_is_float32_unless_one_asks_for_less(gpus: list[torch.device]) -> None:
    for precision, allowed in (("float32", False), ("tf32", True), ("bfloat16", False)):
        runtime = Runtime.setup({**CONFIG, "precision": precision}, 1)
        assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is allowed
        assert runtime.tf32 is allowed
        with exactly(runtime.device):
            assert not torch.backends.cuda.matmul.allow_tf32
            assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is allowed


def test_what_a_processor_does_is_recorded_as_float32() -> None:
    runtime = Runtime.setup({**CONFIG, "device": "cpu", "precision": "tf32"}, 1)
    assert (runtime.precision, runtime.facts()["precision"]) == (torch.float32, "float32")


def test_determinism_asks_cublas_for_it() -> None:
    Runtime.setup({**CONFIG, "device": "cpu"}, 1)
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    Runtime.setup({**CONFIG, "device": "cpu", "deterministic": True}, 1)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
