"""How a command ends: one line for an error, a traceback only on request, and the right exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from percept_store import Store


def guarded(command: click.Command) -> None:
    """Run `command`, and leave the process: 0, 1 (the work failed), 2 (the input was wrong), 130 (interrupted)."""
    debug = "--debug" in sys.argv
    try:
        code = command.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # as click calls it since 8.2: its message is the help
            say(error.format_message())
            sys.exit(error.exit_code)
        context = getattr(error, "ctx", None)
        hint = f" ({context.command_path} --help)" if context else ""
        say(f"percept: {error.format_message()}{hint}")
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted; the same command goes on from here")
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except Exception as error:
        traceback.print_exc() if debug else say(_line(error))
        sys.exit(getattr(error, "exit_code", 2 if is_store_error(error) else 1))


def say(text: str) -> None:
    """Tell a person: stderr."""
    print(text, file=sys.stderr)


def tell_damage(store: Store) -> None:
    """Name the records that cannot be read, of those that the ledger has been asked for by now."""
    for damage in store.ledger.damaged:
        say(f"{damage.path}: {damage.reason}")


def is_store_error(error: BaseException) -> bool:
    """Whether percept_store raised it on purpose; told by name, so that errors do not import the store."""
    return any(cls.__name__ == "StoreError" for cls in type(error).__mro__)


def _line(error: Exception) -> str:
    from percept.errors import PerceptError, RecipeError

    if isinstance(error, RecipeError):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, PerceptError) or is_store_error(error):
        return f"percept: {text}"
    return f"percept: {type(error).__name__}: {text} (percept --debug … shows where)"
