"""Completion of names at the shell's prompt. Nothing here imports torch: Tab must not make anyone wait."""

from __future__ import annotations

import click


def recipes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[object]:
    """Shipped recipes, and YAML files."""
    from click.shell_completion import CompletionItem

    from percept.recipe import shipped

    names = [CompletionItem(name) for name in shipped() if name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *names]  # bash forgets what comes before a file


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[object]:
    """What the shell completes by itself: files and folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[object]:
    """The same, of folders alone."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def components(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of installed components."""
    from percept.registry import registry

    return sorted({c.spec.name for c in registry().components() if c.spec.name.startswith(incomplete)})


def assessors(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of installed assessors; after a comma, those of the next one."""
    from percept.registry import registry

    before, comma, last = incomplete.rpartition(",")
    names = sorted({c.spec.name for c in registry().components("assessor")})
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]
