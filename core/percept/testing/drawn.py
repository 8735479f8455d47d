"""Drawn cases shown to a check: by hypothesis, always the same ones, and a failure is one line.

hypothesis is imported only when such a check runs; without it the check is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from percept.errors import InputError
from percept.testing.check import CheckSkipped, ConformanceError, describe

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

C = TypeVar("C")

EXAMPLES = 24
MORE = "PERCEPT_TEST_EXAMPLES"


def examples(share: float = 1.0) -> int:
    """How many cases a check draws: `share` of EXAMPLES, or of what the environment's PERCEPT_TEST_EXAMPLES says.

    Raises InputError if that is no positive whole number.
    """
    asked = os.environ.get(MORE, "").strip() or str(EXAMPLES)
    if not asked.isdecimal() or int(asked) == 0:
        raise InputError(f"{MORE}={asked}: not a positive whole number")
    return max(1, round(share * int(asked)))


def require_all(
    cases: Callable[[], SearchStrategy[C]], verify: Callable[[C], None], count: int, fixed: Iterable[C] = ()
) -> None:
    """Show the `fixed` and then drawn cases to `verify`, `count` in all, at least one of them drawn.

    Raises ConformanceError that names the first which it does not accept; CheckSkipped if hypothesis is not installed.
    """
    try:
        from hypothesis import HealthCheck, Phase, Verbosity, example, given, seed, settings
    except ImportError as error:
        raise CheckSkipped("needs hypothesis; run pip install 'percept-core[testing]'") from error
    first, failures = list(fixed), list[ConformanceError]()

    # Nothing is shrunk: a case is short as it is, and a metric may take a tenth of a second for each attempt.
    @seed(0)
    @settings(
        max_examples=max(1, count - len(first)),
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(cases())
    def show(case: C) -> None:
        try:
            verify(case)
        except ConformanceError as error:
            failures.append(ConformanceError(f"{case}: {error}"))
            raise
        except Exception as error:
            failures.append(ConformanceError(f"{case}: raises {describe(error)}"))
            failures[-1].__cause__ = error
            raise

    for case in reversed(first):
        show = example(case)(show)
    try:
        show()
    except Exception:
        if not failures:
            raise
    if failures:
        cause = failures[0].__cause__
        if cause is not None:
            vars(cause).pop("__notes__", None)  # hypothesis's, which say the same at length
        raise failures[0] from cause
