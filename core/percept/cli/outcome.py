"""How a command ends: one line for an error, a traceback only on request, and the right exit code."""

from __future__ import annotations

import os
import sys
import traceback

import click


def guarded(command: click.Command) -> None:
    """Run `command`, and leave the process: 0, 1 (the work failed), 2 (the input was wrong), 130 (interrupted)."""
    debug = "--debug" in sys.argv
    try:
        code = command.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted; the same command goes on from here")
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except Exception as error:
        if debug:
            traceback.print_exc()
        say(_line(error))
        sys.exit(getattr(error, "exit_code", 1))


def say(text: str) -> None:
    """Tell a person: stderr."""
    print(text, file=sys.stderr)


def _line(error: Exception) -> str:
    from percept.errors import PerceptError, RecipeError

    if isinstance(error, RecipeError):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, PerceptError) or type(error).__name__ == "StoreError":
        return f"percept: {text}"
    return f"percept: {type(error).__name__}: {text} (percept --debug … shows where)"
