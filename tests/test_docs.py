"""Nothing undocumented: the generated reference is fresh, every plugin has a README, every example in the docs works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from percept.cli import COMMANDS
from percept.execution.check import load_checked
from percept.registry import HOOKS, registry

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_generated_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", sorted((ROOT / "plugins").iterdir()), ids=lambda p: p.name)
def test_every_plugin_says_what_it_is(folder: Path) -> None:
    text = (folder / "README.md").read_text("utf-8")
    assert text.startswith(f"# {folder.name}\n")
    names = [c.spec.name for c in registry().components() if c.plugin.distribution == folder.name]
    assert names, f"{folder.name} offers nothing, or is not installed"
    assert [name for name in names if name not in text] == []
    assert "percept " in text, "a README shows one command"


def test_every_hook_and_command_is_in_the_reference() -> None:
    hooks = (ROOT / "docs" / "reference" / "hooks.md").read_text("utf-8")
    assert [hook for hook in HOOKS.values() if hook not in hooks] == []
    commands = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`percept {name}`" not in commands] == []


def test_the_recipe_of_the_readme_has_no_mistakes(tmp_path: Path) -> None:
    text = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert text
    path = tmp_path / "readme.yaml"
    path.write_text(text[1], "utf-8")
    assert len(load_checked(str(path)).cells) == 4


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_no_file_is_over_500_lines() -> None:
    sources = [p for folder in ("core", "plugins", "results_store", "docs") for p in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 100
    assert [p for p in sources if len(p.read_text("utf-8").splitlines()) > 500] == []
