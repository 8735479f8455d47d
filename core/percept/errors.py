"""The errors that percept raises on purpose: one line each, saying what, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class PerceptError(Exception):
    """Base of every deliberate error. `exit_code` is what the command line leaves with: 1, the work failed."""

    exit_code = 1


class InputError(PerceptError):
    """Something that the user gave cannot be used: exit code 2."""

    exit_code = 2


class ComponentError(InputError):
    """A component is unknown, ambiguous, broken, or was given parameters that it does not take."""


class ImageError(InputError):
    """An image cannot be read, or a component cannot take one of its shape."""


class DataError(InputError):
    """A dataset is absent or damaged; the message says what to put where."""


class RecipeError(InputError):
    """A recipe has mistakes. `problems` holds all of them, each `file:line:column: key.path: what`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))
