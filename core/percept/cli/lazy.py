"""A command group that knows its commands' names and summaries, and imports them when they are called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """`commands_from`: name → (`module:attribute`, summary)."""

    def __init__(self, *args: Any, commands_from: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_from = commands_from

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click calls it so
        """The names, in the order in which they were declared."""
        return list(self.commands_from)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Import and return one command; None if there is none of that name."""
        if cmd_name not in self.commands_from:
            return None
        module, attribute = self.commands_from[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # as above
        """The list of commands for `--help`, from the declared summaries: nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.commands_from.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names where there is no such command."""
        if args and not args[0].startswith("-") and args[0] not in self.commands_from:
            import difflib

            near = difflib.get_close_matches(args[0], self.commands_from, 1)
            hint = f", did you mean {near[0]}?" if near else f"; there are {', '.join(self.commands_from)}"
            ctx.fail(f"unknown command '{args[0]}'{hint}")
        return super().resolve_command(ctx, args)
