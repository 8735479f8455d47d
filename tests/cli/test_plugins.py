from __future__ import annotations

from pathlib import Path

import percept.testing
import pytest
from click.testing import CliRunner
from percept.cli import cli
from percept.testing import Result

from tests.recipes import percept as command


def test_skipped_checks_are_not_counted_as_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [Result("builds", "ok", "", 0.1), Result("any-pair", "skipped", "needs hypothesis", 0.1)]
    monkeypatch.setattr(percept.testing, "run_component", lambda *_: results)
    done = CliRunner().invoke(cli, ["plugins", "check", "edsr"])
    assert done.stderr.splitlines() == ["edsr: 1 of 2 checks as they should be, 1 skipped"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("ssim", "percept-ssim has fidelity loss and assessor 'ssim'"),
        ("vif-pixel", "percept-vif has fidelity loss and assessor 'vif-pixel'"),
        ("edsr", "percept-edsr is installed"),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, taken: str, tmp_path: Path) -> None:
    done = command("plugins", "new", name, "--into", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"percept: plugins new: {taken}; choose another name\n"
    assert not list(tmp_path.iterdir())


def test_all_files_of_a_new_plugin_are_named(tmp_path: Path) -> None:
    named = command("plugins", "new", "my-metric", "--into", str(tmp_path)).stdout.split()
    assert sorted(named) == sorted(str(path) for path in tmp_path.rglob("*") if path.is_file())
