from __future__ import annotations

import click
import pytest
from click.shell_completion import CompletionItem, ShellComplete
from percept.cli import cli


def completed(*words: str) -> list[CompletionItem]:
    """What Tab offers after these words; the last one is being written."""
    return ShellComplete(cli, {}, "percept", "_PERCEPT_COMPLETE").get_completions(list(words[:-1]), words[-1])


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("assess", ""), "file"),
        (("assess", "out/", "--reference", "g"), "file"),
        (("assess", "out/", "--store", ""), "dir"),
        (("assess", "out/", "--out", ""), "file"),
        (("cube", "ls", "--store", ""), "dir"),
        (("cube", "export", ""), "file"),
        (("recipe", "run", "my"), "file"),
        (("plugins", "new", "my-metric", "--into", ""), "file"),
    ],
)
def test_files_are_left_to_the_shell(words: tuple[str, ...], kind: str) -> None:
    assert [(item.value, item.type) for item in completed(*words)] == [(words[-1], kind)]


def test_names_of_recipes_come_after_files_which_bash_would_forget_them_for() -> None:
    assert [(item.value, item.type) for item in completed("recipe", "run", "quick")] == [
        ("quick", "file"),
        ("quickstart", "plain"),
    ]


def test_assessors_are_completed_after_a_comma() -> None:
    assert [item.value for item in completed("assess", "out", "--with", "psnr,gm")] == ["psnr,gmsd"]


def groups(command: click.Command) -> list[click.Group]:
    if not isinstance(command, click.Group):
        return []
    context = click.Context(command)
    children = [command.get_command(context, name) for name in command.list_commands(context)]
    return [command, *(group for child in children if child for group in groups(child))]


@pytest.mark.parametrize("group", groups(cli)[1:], ids=lambda g: g.name)
def test_no_summary_is_cut_in_a_listing(group: click.Group) -> None:
    context = click.Context(group, terminal_width=80)
    assert "..." not in group.get_help(context).partition("Commands:")[2]
