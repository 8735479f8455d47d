"""The errors that percept raises on purpose, one line each: what, where, what to do; and the one line of any other."""

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


def reason_of(error: BaseException) -> str:
    """One line for a record: percept's own errors speak for themselves, others carry their type."""
    from percept_store import StoreError

    text = " ".join(str(error).split())
    if isinstance(error, PerceptError | StoreError):
        return text
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return f"runtime.compile: {said}; mend that or set runtime.compile: false"
    # The processor's allocator and the GPU's say it each in their own words.
    if isinstance(error, MemoryError) or any(w in text.lower() for w in ("out of memory", "can't allocate memory")):
        return f"out of memory; lower optimize.batch, optimize.patch or the networks' size ({text[:200]})"
    return f"{type(error).__name__}: {text}"
